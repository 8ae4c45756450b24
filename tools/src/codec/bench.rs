//! `weft codec bench`: nanoseconds per frame of what the mesh has a codec do, alone and side by
//! side.
//!
//! Rounds of the two that are compared take turns, each long enough for the clock, and the median
//! of the rounds counts: a slow moment of the machine weighs on both, and on few rounds.

mod work;

use std::fmt;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde_json::json;
use weft_codec::proof::VectorFile;
use weft_codec::{Codec, Kind, Side};

use super::paint::{Paint, say_line};
use super::source::Protocol;
use work::{Work, is_judged};

/// The fewest rounds of which a median is taken.
const ROUNDS_MIN: usize = 5;

/// How long each frame is measured where the figure is a by-product.
pub(crate) const QUICK: Duration = Duration::from_millis(20);

/// The arguments of `weft codec bench`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A built-in protocol, a description (.ron), or the folder of one; `acme-by-hand` is acme
    /// in Rust, the yardstick of its description.
    protocol: String,
    /// Another one of the same frames, to be compared with.
    other: Option<String>,
    /// The folder of the vectors whose frames are measured; `vectors` beside the first
    /// description unless given.
    #[arg(long)]
    vectors: Option<PathBuf>,
    /// How long each frame is measured, in milliseconds.
    #[arg(long, default_value_t = 200)]
    millis: u64,
    /// Prints one JSON object instead.
    #[arg(long)]
    json: bool,
}

/// What one frame costs.
#[derive(Clone, Debug)]
pub(crate) struct Cost {
    name: String,
    side: Side,
    kind: Kind,
    bytes: usize,
    scan: f64,
    ask: f64,
    emit: f64,
}

impl Cost {
    /// All of it together.
    pub(crate) fn nanoseconds(&self) -> f64 {
        self.scan + self.ask + self.emit
    }

    /// As an object.
    pub(crate) fn json(&self) -> serde_json::Value {
        json!({
            "frame": self.name,
            "side": super::explain::side(self.side),
            "kind": self.kind.word(),
            "bytes": self.bytes,
            "scan_nanoseconds": self.scan,
            "ask_nanoseconds": self.ask,
            "emit_nanoseconds": self.emit,
        })
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "per {} from the {} of {} bytes (`{}`): {:.1} to read, {:.1} to {}, {:.1} to copy with \
             another id",
            self.kind.word(),
            super::explain::side(self.side),
            self.bytes,
            self.name,
            self.scan,
            self.ask,
            asking(self.kind),
            self.emit
        )
    }
}

/// Measures one or two protocols.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let protocol = Protocol::open(&args.protocol)?;
    let folder = args.vectors.as_ref().or(protocol.vectors.as_ref());
    let folder = folder.context("no vectors are here: name their folder with --vectors")?;
    let files = weft_codec::proof::load(folder)?;
    let other = args.other.as_deref().map(Protocol::open).transpose()?;
    let duration = Duration::from_millis(args.millis.max(1));
    let codecs: Vec<&dyn Codec> = [Some(&protocol), other.as_ref()]
        .into_iter()
        .flatten()
        .map(|one| &*one.codec)
        .collect();
    let frames = samples(&files);
    let rows: Vec<Vec<Cost>> = frames
        .iter()
        .filter_map(|frame| measure(&codecs, frame, duration))
        .collect();
    if rows.is_empty() {
        bail!("none of the frames can be read by what is to be measured");
    }
    if args.json {
        say_line(&serde_json::to_string_pretty(&object(args, &rows))?);
    } else {
        print(args, &rows, Paint::of_stdout());
    }
    Ok(ExitCode::SUCCESS)
}

/// What each kind of frame in vectors costs.
pub(crate) fn costs(codec: &dyn Codec, files: &[VectorFile], duration: Duration) -> Vec<Cost> {
    let frames = samples(files);
    let costs = frames
        .iter()
        .filter_map(|frame| measure(&[codec], frame, duration));
    costs.flatten().collect()
}

/// A frame to be measured.
#[derive(Clone, Debug)]
struct Sample {
    name: String,
    side: Side,
    kind: Kind,
    bytes: Vec<u8>,
}

/// For each side and kind the first frame, and the largest.
fn samples(files: &[VectorFile]) -> Vec<Sample> {
    let mut samples: Vec<Sample> = Vec::new();
    for vector in files.iter().flat_map(|file| &file.frames) {
        let sample = Sample {
            name: vector.name.clone(),
            side: vector.side,
            kind: vector.kind,
            bytes: vector.bytes.clone(),
        };
        let alike = |known: &&mut Sample| (known.side, known.kind) == (sample.side, sample.kind);
        let mut known: Vec<&mut Sample> = samples.iter_mut().filter(alike).collect();
        match known.as_mut_slice() {
            [] | [_] => samples.push(sample),
            [_, largest, ..] if largest.bytes.len() < sample.bytes.len() => **largest = sample,
            _ => {}
        }
    }
    samples
}

/// What the frame costs each codec; `None` if one of them cannot read it.
fn measure(codecs: &[&dyn Codec], sample: &Sample, duration: Duration) -> Option<Vec<Cost>> {
    let works = codecs.iter().map(|codec| Work::of(*codec, sample));
    let mut works = works.collect::<Option<Vec<Work<'_>>>>()?;
    let passes = works.iter_mut().map(Work::passes).max()?;
    let share = u32::try_from(codecs.len()).unwrap_or(1);
    let until = Instant::now() + duration.saturating_mul(share);
    let mut rounds = 0;
    while rounds < ROUNDS_MIN || Instant::now() < until {
        let first = works.len().min(rounds % 2);
        let (later, sooner) = works.split_at_mut(first);
        for work in sooner.iter_mut().chain(later) {
            work.round(passes);
        }
        rounds += 1;
    }
    Some(works.iter_mut().map(Work::cost).collect())
}

/// What the mesh asks of a frame beside its head.
fn asking(kind: Kind) -> &'static str {
    if is_judged(kind) { "judge" } else { "remember" }
}

fn print(args: &Args, rows: &[Vec<Cost>], paint: Paint) {
    say_line(&paint.faint(
        "nanoseconds per frame: the median of many rounds over 64 equal frames, taken in turns",
    ));
    for costs in rows {
        let names = [Some(&args.protocol), args.other.as_ref()];
        for (cost, name) in costs.iter().zip(names.into_iter().flatten()) {
            say_line(&format!("{}: {cost}", paint.strong(name)));
        }
        if let ([cost, other], Some(name)) = (costs.as_slice(), &args.other) {
            let ratio = cost.nanoseconds() / other.nanoseconds();
            say_line(&format!("  {} costs {ratio:.2} of {name}", args.protocol));
        }
    }
}

fn object(args: &Args, rows: &[Vec<Cost>]) -> serde_json::Value {
    let frames: Vec<_> = rows
        .iter()
        .map(|costs| {
            let mut costs = costs.iter().map(Cost::json);
            json!({ "cost": costs.next(), "other": costs.next() })
        })
        .collect();
    json!({ "protocol": args.protocol, "other": args.other, "frames": frames })
}
