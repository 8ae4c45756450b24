//! `weft codec diff`: two protocols over the same bytes: for a protocol that got another version,
//! or a description that is to replace a codec.

use std::collections::BTreeMap;
use std::process::ExitCode;

use serde_json::json;
use weft_codec::{Codec, Part, Side};

use super::decode::{self, Event, Frame};
use super::explain::{self, side};
use super::input;
use super::paint::{Paint, say_line};
use super::source::Protocol;
use weft_capture::Conversation;

/// The exit code where the two differ.
const DIFFERENT: u8 = 1;

/// The arguments of `weft codec diff`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A built-in protocol, a description (.ron), or the folder of one.
    first: String,
    /// Another one.
    second: String,
    #[command(flatten)]
    input: input::Bytes,
    /// Does not compare the names and values of parts, only extents and what the mesh reads.
    #[arg(long)]
    mesh_only: bool,
    /// Prints one JSON object instead.
    #[arg(long)]
    json: bool,
}

/// A place where the two differ.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Difference {
    conversation: String,
    side: Side,
    /// Where the frame begins.
    offset: u64,
    field: String,
    first: Option<String>,
    second: Option<String>,
}

/// Compares. Succeeds if nothing differs.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let first = Protocol::open(&args.first)?;
    let second = Protocol::open(&args.second)?;
    let input = args.input.read(&*first.codec)?;
    let mut found = Vec::new();
    let mut compared = 0usize;
    for conversation in &input.conversations {
        let codecs = [&*first.codec, &*second.codec];
        compared = compared.saturating_add(compare(args, codecs, conversation, &mut found));
    }
    if args.json {
        let all: Vec<_> = found.iter().map(object).collect();
        let report = json!({ "places_compared": compared, "differences": all });
        say_line(&serde_json::to_string_pretty(&report)?);
    } else {
        print(args, compared, &found, Paint::of_stdout());
    }
    Ok(if found.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(DIFFERENT)
    })
}

/// What one of the two says about one place: fields by name.
type Said = BTreeMap<String, String>;

fn compare(
    args: &Args,
    codecs: [&dyn Codec; 2],
    conversation: &Conversation,
    found: &mut Vec<Difference>,
) -> usize {
    let [first, second] = codecs.map(|codec| places(args, codec, conversation));
    let mut all: Vec<_> = first.keys().chain(second.keys()).copied().collect();
    all.sort_unstable();
    all.dedup();
    let nothing = Said::new();
    for (at, offset) in &all {
        let of = |places: &BTreeMap<(u8, u64), Said>| places.get(&(*at, *offset)).cloned();
        let (one, two) = (of(&first), of(&second));
        let (one, two) = (
            one.as_ref().unwrap_or(&nothing),
            two.as_ref().unwrap_or(&nothing),
        );
        let mut fields: Vec<&String> = one.keys().chain(two.keys()).collect();
        fields.sort_unstable();
        fields.dedup();
        for field in fields {
            if one.get(field) != two.get(field) {
                found.push(Difference {
                    conversation: conversation.name.clone(),
                    side: if *at == 0 {
                        Side::Downstream
                    } else {
                        Side::Upstream
                    },
                    offset: *offset,
                    field: field.clone(),
                    first: one.get(field).cloned(),
                    second: two.get(field).cloned(),
                });
            }
        }
    }
    all.len()
}

/// What a codec says, by side and offset.
fn places(
    args: &Args,
    codec: &dyn Codec,
    conversation: &Conversation,
) -> BTreeMap<(u8, u64), Said> {
    let mut places = BTreeMap::new();
    for event in decode::read(codec, conversation) {
        let (of, offset, said) = match &event {
            Event::Frame(frame) => (frame.side, frame.offset, said(args, codec, frame)),
            Event::Broken(broken) => {
                let reason = format!("at offset {}: {}", broken.offset, broken.reason);
                let said = Said::from([("malformed".to_owned(), reason)]);
                (broken.side, broken.frame_at, said)
            }
            Event::Unfinished(unfinished) => {
                let need = format!("{} bytes are needed", unfinished.need);
                let said = Said::from([("unfinished".to_owned(), need)]);
                (unfinished.side, unfinished.offset, said)
            }
            Event::Missing(..) => continue,
        };
        places.insert((u8::from(of == Side::Upstream), offset), said);
    }
    places
}

fn said(args: &Args, codec: &dyn Codec, frame: &Frame<'_>) -> Said {
    let mut said = Said::new();
    said.insert("frame".to_owned(), format!("{} bytes", frame.bytes.len()));
    said.insert("kind".to_owned(), frame.head.kind.word().to_owned());
    for (name, value) in explain::facts(codec, frame) {
        said.insert(name, value);
    }
    if !args.mesh_only {
        let parts = decode::parts(codec, frame.side, Some(&frame.head), frame.bytes);
        for part in &parts {
            said.insert(place(part), value(part));
        }
    }
    said
}

/// Parts are compared by name and place, so that one that moved shows as gone and new.
fn place(part: &Part) -> String {
    format!("part `{}` at byte {}", part.name, part.span.start)
}

fn value(part: &Part) -> String {
    if part.value.is_empty() {
        format!("{} bytes", part.span.len)
    } else {
        format!("{} bytes: {}", part.span.len, part.value)
    }
}

fn print(args: &Args, compared: usize, found: &[Difference], paint: Paint) {
    let mut last = None;
    for difference in found {
        let at = (&difference.conversation, difference.side, difference.offset);
        if last != Some(at) {
            say_line(&format!(
                "{} {} stream, frame at offset {}",
                paint.strong(&difference.conversation),
                side(difference.side),
                difference.offset
            ));
            last = Some(at);
        }
        let shown = |said: &Option<String>| said.clone().unwrap_or_else(|| "(absent)".to_owned());
        say_line(&format!("  {}", paint.name(&difference.field)));
        say_line(&paint.bad(&format!(
            "    - {}: {}",
            args.first,
            shown(&difference.first)
        )));
        say_line(&paint.good(&format!(
            "    + {}: {}",
            args.second,
            shown(&difference.second)
        )));
    }
    match found.len() {
        0 => say_line(&format!("{compared} frame(s) compared: no difference")),
        n => say_line(&format!("{compared} frame(s) compared: {n} difference(s)")),
    }
}

fn object(difference: &Difference) -> serde_json::Value {
    json!({
        "conversation": difference.conversation,
        "side": side(difference.side),
        "offset": difference.offset,
        "field": difference.field,
        "first": difference.first,
        "second": difference.second,
    })
}
