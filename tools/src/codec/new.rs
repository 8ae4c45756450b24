//! `weft codec new`: a folder with a commented description, and vectors to be replaced by real
//! ones. What it writes passes `weft codec check` as it is.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};

use super::paint::say_line;

/// The description, with `NAME` in it.
const DESCRIPTION: &str = include_str!("new/protocol.ron");

/// Frames of that description.
const VECTORS: &str = include_str!("new/first.ron");

/// The arguments of `weft codec new`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The protocol's name: letters, digits and hyphens.
    name: String,
    /// The folder to write into; the name unless given. It must not exist.
    #[arg(long)]
    into: Option<PathBuf>,
}

/// Writes them.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let name = &args.name;
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.is_empty() || !name.chars().all(fits) || name.starts_with('-') {
        bail!("`{name}` is no name for a protocol: use small letters, digits and hyphens");
    }
    let folder = args.into.clone().unwrap_or_else(|| PathBuf::from(name));
    if folder.exists() {
        bail!("{} is there already", folder.display());
    }
    let vectors = folder.join("vectors");
    fs::create_dir_all(&vectors).with_context(|| format!("{}", vectors.display()))?;
    let description = folder.join("protocol.ron");
    fs::write(&description, DESCRIPTION.replace("NAME", name))
        .with_context(|| format!("{}", description.display()))?;
    let first = vectors.join("first.ron");
    fs::write(&first, VECTORS).with_context(|| format!("{}", first.display()))?;
    say_line(&format!(
        "{0} and {1} are written. Now change them and try\n  weft codec check {0}\n  weft codec \
         explain {0} CAPTURE.pcap",
        description.display(),
        first.display()
    ));
    Ok(ExitCode::SUCCESS)
}
