//! What the mesh makes of a frame: its kind, id, and the fields that rules and policies ask for.

use weft_codec::{Codec, Cut, Effect, Field, Kind, Side, Value, Verdict};

use crate::codec::decode::Frame;

/// How many hash keys are shown.
const HASH_KEYS_MAX: usize = 16;

/// One thing that is known of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fact {
    pub(super) name: String,
    pub(super) value: String,
}

/// What an answer means, in words.
pub(super) fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Ok => "ok",
        Verdict::Queued => "queued: executed later or never",
        Verdict::ApplicationError => "application error: the server is well",
        Verdict::Overload => "overload",
        Verdict::NotExecuted => "not executed: safe to send elsewhere",
        Verdict::Unavailable => "unavailable",
    }
}

fn effect(effect: Effect) -> Option<&'static str> {
    match effect {
        Effect::Stateless => None,
        Effect::Facet => Some("sets a facet of its connection: replayed on each lane"),
        Effect::Local => Some("none to a server: the mesh answers it"),
        Effect::Reset => Some("the mesh answers it; every facet is forgotten"),
        Effect::Quit => Some("the mesh answers it and closes"),
        Effect::Blocking => Some("may wait for long: a lane of its own, no time limit"),
        Effect::Pin => Some("opens a state: from here on one lane of the client's own"),
        Effect::Session => Some("unknown: one lane of the client's own until the end"),
        Effect::Unpin => Some("closes the state of its connection"),
        Effect::Tunnel => Some("a tunnel from here on: answers are not counted"),
    }
}

/// The id as it is written: as a number where it is one.
pub(super) fn id(codec: &dyn Codec, frame: &Frame<'_>) -> Option<String> {
    use weft_codec::IdKind::{Bytes, Decimal, Hex};
    let head = &frame.head;
    if head.id.is_empty() {
        return None;
    }
    match codec.traits().ids.map(|ids| ids.kind) {
        Some(Decimal | Hex | Bytes(_)) => {
            let text = head.id.of(frame.bytes).unwrap_or_default();
            Some(text.escape_ascii().to_string())
        }
        _ => Some(head.id_value.to_string()),
    }
}

/// Everything that is known of a frame beside its kind, in the order in which the mesh asks.
pub(super) fn of(codec: &dyn Codec, frame: &Frame<'_>) -> Vec<Fact> {
    let mut facts = Vec::new();
    let mut say = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            let name = name.to_owned();
            facts.push(Fact { name, value });
        }
    };
    let head = &frame.head;
    let ask = |field| codec.field(frame.side, head, frame.bytes, field);
    say("id", id(codec, frame));
    say("service", ask(Field::Service).map(|value| shown(&value)));
    say("method", ask(Field::Method).map(|value| shown(&value)));
    for key in &codec.traits().keys.fixed {
        say(key, ask(Field::Key(key)).map(|value| shown(&value)));
    }
    if frame.side == Side::Downstream {
        let mut keys = Vec::new();
        codec.hash_keys(head, frame.bytes, &mut |key| {
            keys.push(key.escape_ascii().to_string());
            keys.len() < HASH_KEYS_MAX
        });
        say("balanced by", (!keys.is_empty()).then(|| keys.join(", ")));
        let left = ask(Field::DeadlineMs);
        say("deadline", left.map(|left| format!("{} ms", shown(&left))));
    }
    if head.kind == Kind::Answer {
        say("status", ask(Field::Status).map(|value| shown(&value)));
        let meant = verdict(codec.classify(head, frame.bytes));
        say("verdict", Some(meant.to_owned()));
    }
    say("effect", effect(head.effect).map(str::to_owned));
    say(
        "more",
        head.more.then(|| "frames of this answer follow".to_owned()),
    );
    let alone = "a lane of its own: its id cannot be patched";
    say("lane", head.exclusive.then(|| alone.to_owned()));
    let whole = head.cut == Cut::Whole && frame.bytes.len() > 64 << 10;
    say(
        "cut",
        whole.then(|| "must be complete before it is passed on".to_owned()),
    );
    facts
}

fn shown(value: &Value<'_>) -> String {
    value.to_bytes().escape_ascii().to_string()
}
