//! `weft codec vectors`: recorded frames become vectors, with what the protocol reads of each, to be
//! compared with what the peers meant and then kept.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use weft_codec::{
    Asked, Codec, Effect, Field, Head, IdKind, Kind, NewId, ProxyError, Rewrite, Say, Side,
};

use super::decode::{self, Event, Frame};
use super::explain::in_one_line;
use super::input;
use super::paint::say;
use super::source::Protocol;

/// The exit code for a stream that could not be read to its end.
const BROKEN: u8 = 1;

/// The arguments of `weft codec vectors`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A built-in protocol, a description (.ron), or the folder of one.
    protocol: String,
    #[command(flatten)]
    input: input::Bytes,
    /// The file to write, which must not be there yet; standard output without it.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Which implementations sent the frames, in words.
    #[arg(long, default_value = "")]
    provenance: String,
    /// Takes so many frames that look alike: of one side, kind, method and verdict; 0 is all.
    #[arg(long, default_value_t = 2)]
    alike: usize,
}

/// Writes vectors. Succeeds if all of the input could be read.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    if let Some(file) = args.out.as_ref().filter(|file| file.exists()) {
        bail!("{} is there already: name another file", file.display());
    }
    let protocol = Protocol::open(&args.protocol)?;
    let codec = &*protocol.codec;
    let input = args.input.read(codec)?;
    let mut broken = Vec::new();
    let mut seen: HashMap<String, usize> = HashMap::new();
    let mut frames = String::new();
    let mut count = 0usize;
    for conversation in &input.conversations {
        for event in decode::read(codec, conversation) {
            let Event::Frame(frame) = event else {
                broken.push(format!(
                    "// {}: {}\n",
                    conversation.name,
                    in_one_line(&event)
                ));
                continue;
            };
            let name = name(codec, &frame);
            let alike = seen.entry(name.clone()).or_default();
            *alike = alike.saturating_add(1);
            if args.alike == 0 || *alike <= args.alike {
                count = count.saturating_add(1);
                vector(codec, &frame, &format!("{name} {count}"), &mut frames);
            }
        }
    }
    if count == 0 {
        bail!(
            "no frame of `{}` was found: see `weft codec explain`",
            codec.name()
        );
    }
    let text = format!(
        "// What stands beside the bytes is what the codec reads of them. Compare it with what the peers\n\
         // meant, and give the frames names that say so, before this is proof of anything.\n\
         {}(\n    provenance: {},\n    frames: [\n{frames}    ],\n)\n",
        broken.concat(),
        quoted(if args.provenance.is_empty() {
            "recorded traffic; say here which implementations sent it"
        } else {
            &args.provenance
        })
    );
    match &args.out {
        Some(file) => {
            std::fs::write(file, text).with_context(|| format!("{}", file.display()))?;
            say(&format!("{count} frames are in {}\n", file.display()));
        }
        None => say(&text),
    }
    Ok(match broken.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(BROKEN),
    })
}

/// What a frame is, in a few words: frames of one name look alike.
fn name(codec: &dyn Codec, frame: &Frame<'_>) -> String {
    let mut name = String::new();
    let method = codec.field(frame.side, &frame.head, frame.bytes, Field::Method);
    if let Some(method) = method {
        let _ = write!(name, "{} ", method.to_bytes().escape_ascii());
    }
    name.push_str(frame.head.kind.word());
    if frame.head.kind == Kind::Answer {
        let verdict = codec.classify(&frame.head, frame.bytes);
        let _ = write!(name, " {verdict:?}");
    }
    name
}

/// Appends one frame and what is read of it.
fn vector(codec: &dyn Codec, frame: &Frame<'_>, name: &str, out: &mut String) {
    let Frame {
        head, bytes, side, ..
    } = frame;
    let mut facts = vec![
        format!("name: {}", quoted(name)),
        format!("side: {side:?}"),
        format!("kind: {:?}", head.kind),
    ];
    if let Some(id) = head.id.of(bytes).filter(|id| !id.is_empty()) {
        facts.push(format!("id: \"{}\"", hex(id)));
        if matches!(
            codec.traits().ids.map(|ids| ids.kind),
            Some(IdKind::Integer(_) | IdKind::Varint)
        ) {
            facts.push(format!("id_value: {}", head.id_value));
        }
    }
    let ask = |field| codec.field(*side, head, bytes, field);
    let text = |field| ask(field).and_then(|value| plain(&value.to_bytes()));
    facts.extend(text(Field::Service).map(|service| format!("service: {service}")));
    facts.extend(text(Field::Method).map(|method| format!("method: {method}")));
    let keys = codec.traits().keys.fixed.iter();
    let keys: Vec<String> = keys
        .filter_map(|key| Some(format!("{}: {}", quoted(key), text(Field::Key(key))?)))
        .collect();
    if !keys.is_empty() {
        facts.push(format!("fields: {{ {} }}", keys.join(", ")));
    }
    let number = |field| ask(field).and_then(|value| value.number());
    if *side == Side::Downstream {
        facts.extend(number(Field::DeadlineMs).map(|left| format!("deadline_ms: {left}")));
    }
    if head.kind == Kind::Answer {
        facts.extend(number(Field::Status).map(|status| format!("status: {status}")));
        facts.push(format!("verdict: {:?}", codec.classify(head, bytes)));
    }
    if head.effect != Effect::Stateless {
        facts.push(format!("effect: {:?}", head.effect));
    }
    if head.exclusive {
        facts.push("exclusive: true".to_owned());
    }
    if is_quiet(codec, head, bytes) {
        facts.push("quiet: true".to_owned());
    }
    let mended = mended(codec, frame);
    if !mended.is_empty() {
        facts.push(format!("mended: [{}]", mended.join(", ")));
    }
    let is_text = bytes
        .iter()
        .all(|byte| matches!(byte, b' '..=b'~' | b'\r' | b'\n'));
    let bytes = match std::str::from_utf8(bytes) {
        Ok(text) if is_text => format!("text: {}", quoted(text)),
        _ => format!("hex: \"{}\"", hex(bytes)),
    };
    let _ = writeln!(
        out,
        "        (\n            {},\n            {bytes},\n        ),",
        facts.join(", ")
    );
}

/// Whether a request's caller hears nothing of a proxy error.
fn is_quiet(codec: &dyn Codec, head: &Head, frame: &[u8]) -> bool {
    if head.kind != Kind::Request {
        return false;
    }
    let mut asked = Asked::default();
    codec.remember(head, frame, &mut asked);
    let mut out = Vec::new();
    let error = Say::Error {
        error: ProxyError::Overload,
        words: "weft: overloaded",
        asked: &asked,
    };
    codec.say(&error, &mut out).is_ok() && out.is_empty()
}

/// The bytes beside the id that another id changes, as far as the codec tells: all of them where
/// it makes the frame longer or shorter.
fn mended(codec: &dyn Codec, frame: &Frame<'_>) -> Vec<String> {
    let Some(ids) = codec.traits().ids else {
        return Vec::new();
    };
    let (head, bytes) = (&frame.head, frame.bytes);
    if head.id.is_empty() || head.exclusive {
        return Vec::new();
    }
    let mut changed = vec![false; bytes.len()];
    for id in [ids.wire_first, ids.wire_last, ids.wire_last / 3 + 1] {
        let rewrite = Rewrite {
            id: NewId::Wire(id),
            deadline_ms: None,
        };
        let mut out = Vec::new();
        if codec
            .emit(frame.side, head, bytes, &rewrite, &mut out)
            .is_err()
        {
            continue;
        }
        if out.len() != bytes.len() {
            return vec![format!("(0, {})", u32::MAX)];
        }
        for (changed, (new, old)) in changed.iter_mut().zip(out.iter().zip(bytes)) {
            *changed |= new != old;
        }
    }
    let id = head.id.start as usize..head.id.end() as usize;
    let mut spans: Vec<(usize, usize)> = Vec::new();
    for (at, _) in changed
        .iter()
        .enumerate()
        .filter(|(at, changed)| **changed && !id.contains(at))
    {
        match spans.last_mut() {
            Some((_, end)) if *end == at => *end = at.saturating_add(1),
            _ => spans.push((at, at.saturating_add(1))),
        }
    }
    spans
        .iter()
        .map(|(first, end)| format!("({first}, {end})"))
        .collect()
}

/// A value as a text of RON; `None` where it is none that a person would read.
fn plain(value: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(value).ok()?;
    (!text.is_empty() && !text.chars().any(char::is_control)).then(|| quoted(text))
}

/// A text of RON.
fn quoted(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
    let escaped = escaped.replace('\r', "\\r").replace('\n', "\\n");
    format!("\"{escaped}\"")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
