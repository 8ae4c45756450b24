//! `weft codec bench`: nanoseconds per frame of reading and copying, alone and side by side.

use std::fmt;
use std::hint::black_box;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde_json::json;
use weft_codec::proof::VectorFile;
use weft_codec::{Asked, Codec, Head, Kind, Limits, NewId, Rewrite, ScanState, Side};

use super::explain::kind;
use super::paint::{Paint, say_line};
use super::source::Protocol;

/// Frames in one buffer: what one read of a busy connection brings.
const FRAMES: u32 = 64;

/// The most bytes of one such buffer.
const BUFFER_BYTES_MAX: usize = 4 << 20;

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
    emit: f64,
}

impl Cost {
    /// Reading and copying together.
    pub(crate) fn nanoseconds(&self) -> f64 {
        self.scan + self.emit
    }

    /// As an object.
    pub(crate) fn json(&self) -> serde_json::Value {
        json!({
            "frame": self.name,
            "side": super::explain::side(self.side),
            "kind": kind(self.kind),
            "bytes": self.bytes,
            "scan_nanoseconds": self.scan,
            "emit_nanoseconds": self.emit,
        })
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "per {} from the {} of {} bytes (`{}`): {:.0} to read, {:.0} to copy with another id",
            kind(self.kind),
            super::explain::side(self.side),
            self.bytes,
            self.name,
            self.scan,
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
    let mut rows = Vec::new();
    for frame in samples(&files) {
        let first = measure(&*protocol.codec, &frame, duration);
        let second = other
            .as_ref()
            .map(|other| measure(&*other.codec, &frame, duration));
        match (first, second) {
            (Some(cost), None) => rows.push((cost, None)),
            (Some(cost), Some(Some(other))) => rows.push((cost, Some(other))),
            _ => {}
        }
    }
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
    let costs = frames.iter().map(|frame| measure(codec, frame, duration));
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

/// The best of many rounds over a buffer of equal frames; `None` if the codec cannot read them.
fn measure(codec: &dyn Codec, sample: &Sample, duration: Duration) -> Option<Cost> {
    let limits = Limits::default();
    let copies = (BUFFER_BYTES_MAX / sample.bytes.len().max(1)).clamp(1, FRAMES as usize);
    let buffer = sample.bytes.repeat(copies);
    let mut heads = Vec::with_capacity(copies);
    let mut scan = || {
        heads.clear();
        let mut state = ScanState::default();
        let scanned = codec.scan(sample.side, &limits, &mut state, &buffer, &mut heads);
        black_box(scanned.is_ok() && heads.len() == copies)
    };
    if !scan() {
        return None;
    }
    let per_frame = |best: f64| best * 1e9 / f64::from(u32::try_from(copies).unwrap_or(1));
    let scan_best = best(duration / 2, || {
        scan();
    });
    let first = *heads.first()?;
    let asked = remembered(codec, &first, &sample.bytes);
    let id = new_id(codec, sample.side, &first, &asked);
    let rewrite = Rewrite {
        id,
        deadline_ms: None,
    };
    let mut out = Vec::with_capacity(buffer.len().saturating_mul(2));
    let emit_best = best(duration / 2, || {
        out.clear();
        for head in &heads {
            let from = head.start as usize;
            let to = from.saturating_add(head.frame_bytes as usize);
            let frame = buffer.get(from..to).unwrap_or_default();
            let _copied = black_box(codec.emit(sample.side, head, frame, &rewrite, &mut out));
        }
    });
    Some(Cost {
        name: sample.name.clone(),
        side: sample.side,
        kind: sample.kind,
        bytes: sample.bytes.len(),
        scan: per_frame(scan_best),
        emit: per_frame(emit_best),
    })
}

fn remembered(codec: &dyn Codec, head: &Head, frame: &[u8]) -> Asked {
    let mut asked = Asked::default();
    codec.remember(head, frame, &mut asked);
    asked
}

/// What the mesh would put into the frame: a lane's id into requests, the caller's into answers.
fn new_id<'a>(codec: &dyn Codec, side: Side, head: &Head, asked: &'a Asked) -> NewId<'a> {
    match codec.traits().ids {
        Some(ids) if !head.id.is_empty() && !head.exclusive => match side {
            Side::Downstream => NewId::Wire(ids.wire_last),
            Side::Upstream => NewId::Callers(asked),
        },
        _ => NewId::Keep,
    }
}

/// The shortest of the rounds that fit into the duration, in seconds; at least three.
fn best(duration: Duration, mut round: impl FnMut()) -> f64 {
    let until = Instant::now() + duration;
    let mut best = f64::MAX;
    let mut rounds = 0u32;
    while rounds < 3 || Instant::now() < until {
        let began = Instant::now();
        round();
        best = best.min(began.elapsed().as_secs_f64());
        rounds = rounds.saturating_add(1);
    }
    best
}

fn print(args: &Args, rows: &[(Cost, Option<Cost>)], paint: Paint) {
    say_line(&paint.faint("nanoseconds per frame: the best of many rounds over 64 equal frames"));
    for (cost, other) in rows {
        say_line(&format!("{}: {cost}", paint.strong(&args.protocol)));
        if let (Some(other), Some(name)) = (other, &args.other) {
            say_line(&format!("{}: {other}", paint.strong(name)));
            let ratio = cost.nanoseconds() / other.nanoseconds();
            say_line(&format!("  {} costs {ratio:.2} of {name}", args.protocol));
        }
    }
}

fn object(args: &Args, rows: &[(Cost, Option<Cost>)]) -> serde_json::Value {
    let frames: Vec<_> = rows
        .iter()
        .map(
            |(cost, other)| json!({ "cost": cost.json(), "other": other.as_ref().map(Cost::json) }),
        )
        .collect();
    json!({ "protocol": args.protocol, "other": args.other, "frames": frames })
}
