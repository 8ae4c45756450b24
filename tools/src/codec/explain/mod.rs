//! `weft codec explain`: a frame as a person reads it, and what the mesh makes of it.

mod facts;

mod route;

mod text;

mod json;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::process::ExitCode;

use weft_codec::Codec;

use super::decode::{self, Event, Frame};
use super::input;
use super::paint::{Paint, say, say_line};
use super::source::Protocol;
use route::Routes;

pub(crate) use text::side;

/// The exit code for a stream that could not be read to its end.
const BROKEN: u8 = 1;

/// The arguments of `weft codec explain`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A built-in protocol, a description (.ron), or the folder of one.
    protocol: String,
    #[command(flatten)]
    input: input::Bytes,
    /// Says which route, subset and instances each request would take by this configuration.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Shows so many frames; 0 is all.
    #[arg(long, default_value_t = 100)]
    frames: usize,
    /// Prints one JSON object instead.
    #[arg(long)]
    json: bool,
}

/// Explains every frame of the input. Succeeds if all of it could be read.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let protocol = Protocol::open(&args.protocol)?;
    let codec = &*protocol.codec;
    let routes = match &args.config {
        Some(file) => Some(Routes::read(file, codec.name())?),
        None => None,
    };
    let input = args.input.read(codec)?;
    let shown_max = if args.frames == 0 {
        usize::MAX
    } else {
        args.frames
    };
    let mut explained = Vec::new();
    let mut broken = false;
    let mut left = shown_max;
    let mut hidden = 0usize;
    for conversation in &input.conversations {
        let mut events = decode::read(codec, conversation);
        broken |= events.iter().any(|event| !matches!(event, Event::Frame(_)));
        let frames = |event: &Event<'_>| matches!(event, Event::Frame(_));
        events.retain(|event| {
            let keep = !frames(event) || left > 0;
            if frames(event) {
                left = left.saturating_sub(1);
                hidden = hidden.saturating_add(usize::from(!keep));
            }
            keep
        });
        explained.push((conversation, events));
    }
    let all = Explained {
        codec,
        routes: routes.as_ref(),
        notes: &input.notes,
        conversations: explained,
        hidden,
    };
    if args.json {
        say_line(&serde_json::to_string_pretty(&json::of(&all))?);
    } else {
        say(&text::of(&all, Paint::of_stdout()));
    }
    Ok(if broken {
        ExitCode::from(BROKEN)
    } else {
        ExitCode::SUCCESS
    })
}

/// What the mesh reads of a frame beside its kind, by name.
pub(crate) fn facts(codec: &dyn Codec, frame: &Frame<'_>) -> Vec<(String, String)> {
    let facts = facts::of(codec, frame).into_iter();
    facts.map(|fact| (fact.name, fact.value)).collect()
}

/// What keeps a stream from being read to its end, in one line.
pub(crate) fn in_one_line(event: &Event<'_>) -> String {
    match event {
        Event::Frame(frame) => format!("frame {}", frame.number),
        Event::Broken(broken) => text::title_of_broken(broken),
        Event::Unfinished(unfinished) => text::title_of_unfinished(unfinished),
        Event::Missing(side, missing) => text::title_of_missing(*side, *missing),
    }
}

/// Everything that is to be shown.
struct Explained<'a> {
    codec: &'a dyn Codec,
    routes: Option<&'a Routes>,
    notes: &'a [String],
    conversations: Vec<(&'a weft_capture::Conversation, Vec<Event<'a>>)>,
    /// How many frames are not shown.
    hidden: usize,
}
