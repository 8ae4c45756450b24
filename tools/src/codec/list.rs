//! `weft codec list`: the protocols that are known, and what each is.

use std::process::ExitCode;

use serde_json::json;
use weft_codec::proof;
use weft_proxy::builtin;

use super::nature;
use super::paint::{Paint, say_line};
use super::source::Protocol;

/// The arguments of `weft codec list`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Descriptions to list beside the built-in protocols: files, or folders with a protocol.ron.
    descriptions: Vec<String>,
    /// Prints one JSON object instead.
    #[arg(long)]
    json: bool,
}

/// Lists them.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let mut protocols = Vec::new();
    for builtin in builtin::all() {
        protocols.push(Protocol::builtin(builtin)?);
    }
    for word in &args.descriptions {
        protocols.push(Protocol::open(word)?);
    }
    if args.json {
        let all: Vec<_> = protocols.iter().map(object).collect();
        say_line(&serde_json::to_string_pretty(&json!({ "protocols": all }))?);
        return Ok(ExitCode::SUCCESS);
    }
    let paint = Paint::of_stdout();
    for protocol in &protocols {
        let traits = protocol.codec.traits();
        let vectors = match vectors(protocol) {
            Some(n) => format!("{n} vectors"),
            None => "no vectors here".to_owned(),
        };
        say_line(&format!(
            "{}\n  answers {}; clients want them {}; connections {}; {vectors}",
            paint.strong(protocol.codec.name()),
            nature::correlation(traits),
            nature::order(traits),
            nature::state(traits),
        ));
        say_line(&format!(
            "  ids: {}; keys: {}",
            nature::ids(traits),
            nature::keys(traits)
        ));
        say_line(&format!("  can say: {}", nature::says(traits)));
        for remark in nature::remarks(traits) {
            say_line(&format!("  {remark}"));
        }
    }
    say_line(&paint.faint(
        "vectors of built-in protocols are found where the current folder is the repository",
    ));
    Ok(ExitCode::SUCCESS)
}

/// How many frames its vectors have; `None` without vectors.
fn vectors(protocol: &Protocol) -> Option<usize> {
    let files = proof::load(protocol.vectors.as_deref()?).ok()?;
    Some(files.iter().map(|file| file.frames.len()).sum())
}

fn object(protocol: &Protocol) -> serde_json::Value {
    let mut object = nature::json(protocol.codec.traits());
    if let Some(fields) = object.as_object_mut() {
        fields.insert("name".to_owned(), protocol.codec.name().into());
        fields.insert("vectors".to_owned(), vectors(protocol).into());
    }
    object
}
