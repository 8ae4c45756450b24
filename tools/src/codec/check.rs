//! `weft codec check`: the proof kit over a protocol's vectors and captures.

mod captured;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use serde_json::json;
use weft_codec::proof::{Failures, Proof, Report, VectorFile};
use weft_codec::{Codec, Correlation};

use super::bench::{self, Cost};
use super::nature;
use super::paint::{Paint, say_line};
use super::source::Protocol;

/// The exit code for a protocol that does not pass.
const FAILED: u8 = 1;

/// The arguments of `weft codec check`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A built-in protocol, a description (.ron), or the folder of one.
    protocol: String,
    /// The folder of its vectors; `vectors` beside the description unless given.
    #[arg(long)]
    vectors: Option<PathBuf>,
    /// A pcap or pcapng capture whose streams must be readable; may be repeated.
    #[arg(long)]
    capture: Vec<PathBuf>,
    /// The server's port in the captures.
    #[arg(long)]
    port: Option<u16>,
    /// How many mutated buffers are tried.
    #[arg(long, default_value_t = 20_000)]
    mutations: u32,
    /// The seed of every random choice.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Prints one JSON object instead.
    #[arg(long)]
    json: bool,
}

/// What came of a check.
struct Outcome {
    files: Vec<VectorFile>,
    /// Why a capture cannot be read to its end; each is a failure.
    unread: Vec<String>,
    notes: Vec<String>,
    proof: Result<Report, Failures>,
    costs: Vec<Cost>,
}

/// Proves a protocol. Succeeds if nothing failed.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let protocol = Protocol::open(&args.protocol)?;
    let outcome = prove(args, &protocol)?;
    let good = outcome.proof.is_ok() && outcome.unread.is_empty();
    if args.json {
        say_line(&serde_json::to_string_pretty(&object(&protocol, &outcome))?);
    } else {
        print(&protocol, &outcome, Paint::of_stdout());
    }
    Ok(if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(FAILED)
    })
}

fn prove(args: &Args, protocol: &Protocol) -> anyhow::Result<Outcome> {
    let codec = &*protocol.codec;
    let mut files = Vec::new();
    if let Some(folder) = args.vectors.as_ref().or(protocol.vectors.as_ref()) {
        files = weft_codec::proof::load(folder)?;
    }
    let (mut unread, mut notes) = (Vec::new(), Vec::new());
    for path in &args.capture {
        let captured = captured::vectors(codec, path, args.port)
            .with_context(|| format!("{}", path.display()))?;
        files.extend(captured.files);
        unread.extend(captured.unread);
        notes.extend(captured.notes);
    }
    if files.is_empty() {
        notes.push(
            "no vectors and no capture: only random bytes were tried, which proves little"
                .to_owned(),
        );
    }
    let mut proof = Proof::new(codec).mutations(args.mutations).seed(args.seed);
    for file in &files {
        proof = proof.with(file.clone());
    }
    if files.is_empty() {
        proof.check_replies();
        proof.check_hostile();
    }
    let proof = if files.is_empty() {
        proof.finish()
    } else {
        proof.run_all()
    };
    let costs = if codec.traits().correlation == Correlation::Raw {
        Vec::new()
    } else {
        bench::costs(codec, &files, bench::QUICK)
    };
    Ok(Outcome {
        files,
        unread,
        notes,
        proof,
        costs,
    })
}

fn print(protocol: &Protocol, outcome: &Outcome, paint: Paint) {
    let codec: &dyn Codec = &*protocol.codec;
    let traits = codec.traits();
    say_line(&format!(
        "{}: answers {}, clients want them {}, connections {}; ids: {}; keys: {}; can say: {}",
        paint.strong(codec.name()),
        nature::correlation(traits),
        nature::order(traits),
        nature::state(traits),
        nature::ids(traits),
        nature::keys(traits),
        nature::says(traits),
    ));
    for note in &outcome.notes {
        say_line(&paint.odd(&format!("  note: {note}")));
    }
    if let Ok(report) = &outcome.proof {
        for (count, what) in rows(report, outcome.files.len()) {
            say_line(&format!("  {count:>10}  {what}"));
        }
    }
    for cost in &outcome.costs {
        say_line(&format!("  {:>7.0} ns  {cost}", cost.nanoseconds()));
    }
    for what in &outcome.unread {
        say_line(&paint.bad(&format!("  capture: {what}")));
    }
    match &outcome.proof {
        Err(failures) => say_line(&paint.bad(&failures.to_string())),
        Ok(_) if outcome.unread.is_empty() => say_line(&paint.good("good")),
        Ok(_) => say_line(&paint.bad("the proof holds, but not every capture can be read")),
    }
}

/// What was done, in the order in which it was.
fn rows(report: &Report, files: usize) -> Vec<(u64, String)> {
    let mut rows = vec![
        (
            report.vectors,
            format!("frames of {files} streams decode and come out byte for byte"),
        ),
        (
            report.cuts,
            "cuts of their streams gave the same frames".to_owned(),
        ),
        (
            report.ids,
            "ids were put in and taken out, and nothing else changed".to_owned(),
        ),
        (report.parts, "parts were named where they stand".to_owned()),
        (
            report.replies,
            "replies of the mesh decode and carry the caller's id".to_owned(),
        ),
        (
            report.mutations,
            format!(
                "mutated buffers: {} heads, {} complaints with their offsets, no panic",
                report.mutated_heads, report.mutated_complaints
            ),
        ),
    ];
    if report.tails > 0 {
        let what = "times a frame passed in pieces and the checksum at its end was mended";
        rows.insert(3, (report.tails, what.to_owned()));
    }
    rows
}

fn object(protocol: &Protocol, outcome: &Outcome) -> serde_json::Value {
    let failures: Vec<_> = match &outcome.proof {
        Ok(_) => Vec::new(),
        Err(failures) => failures
            .list
            .iter()
            .map(|(check, what)| json!({ "check": check, "what": what }))
            .collect(),
    };
    let report = outcome.proof.as_ref().ok().map(|report| {
        json!({
            "vectors": report.vectors,
            "cuts": report.cuts,
            "ids": report.ids,
            "parts": report.parts,
            "tails": report.tails,
            "replies": report.replies,
            "mutations": report.mutations,
            "mutated_heads": report.mutated_heads,
            "mutated_complaints": report.mutated_complaints,
        })
    });
    json!({
        "protocol": protocol.codec.name(),
        "traits": nature::json(protocol.codec.traits()),
        "good": outcome.proof.is_ok() && outcome.unread.is_empty(),
        "report": report,
        "failures": failures,
        "captures_unread": outcome.unread,
        "notes": outcome.notes,
        "costs": outcome.costs.iter().map(Cost::json).collect::<Vec<_>>(),
    })
}
