//! The mesh's own frames: an error, a ping and a pong must be complete, and an error must not
//! pass for success.

use weft_codec::{ProxyError, Verdict};
use weft_ron::Step;

use super::Checker;
use super::frame::{Holds, Shape, Slot};
use crate::number::Number;
use crate::pattern::Pattern;
use crate::program::{Echo, Echoed, Piece, Status, Template, in_ranges};
use crate::raw::{Field, KindWord, Protocol, Reply, ReplyStatus};

/// The compiled replies.
#[derive(Default)]
pub(super) struct Spoken {
    pub(super) echoes: Vec<Echo>,
    pub(super) error: Option<Template>,
    pub(super) ping: Option<Template>,
    pub(super) pong: Option<Template>,
}

/// What one reply is made from.
struct Making<'r> {
    raw: &'r Protocol,
    shape: &'r Shape,
    reply: &'r Reply,
    /// `error`, `ping` or `pong`.
    word: &'static str,
    status: Option<&'r Status>,
}

/// The values that one reply has in every instance of it.
#[derive(Clone, Copy)]
struct Values {
    kind: Option<u64>,
    /// The first status, and whether each proxy error has its own.
    status: Option<(u64, bool)>,
}

impl<'r> Making<'r> {
    /// The path of the whole reply.
    fn whole(&self) -> Vec<Step<'r>> {
        vec![Step::Field("replies"), Step::Field(self.word)]
    }

    /// The path of a part of the reply.
    fn path(&self, steps: &[Step<'r>]) -> Vec<Step<'r>> {
        [&self.whole()[..], steps].concat()
    }
}

impl Checker<'_> {
    /// Compiles the replies.
    pub(super) fn replies(
        &mut self,
        raw: &Protocol,
        shape: &Shape,
        status: Option<&Status>,
    ) -> Spoken {
        let mut echoed = Vec::new();
        let mut make = |reply: &Option<Reply>, word: &'static str| {
            let making = Making {
                raw,
                shape,
                reply: reply.as_ref()?,
                word,
                status,
            };
            self.reply(&making, &mut echoed)
        };
        let error = make(&raw.replies.error, "error");
        let ping = make(&raw.replies.ping, "ping");
        let pong = make(&raw.replies.pong, "pong");
        let slots = echoed
            .iter()
            .filter_map(|name| shape.slots.iter().find(|slot| slot.name == *name));
        let echoes = slots.filter_map(|slot| {
            let place = slot.place;
            echo(&slot.holds).map(|what| Echo { place, what })
        });
        Spoken {
            echoes: echoes.collect(),
            error,
            ping,
            pong,
        }
    }

    /// Compiles one reply; `echoed` collects the names of all fields that are remembered.
    fn reply(&mut self, making: &Making<'_>, echoed: &mut Vec<String>) -> Option<Template> {
        let before = self.complaints.len();
        self.reply_echoes(making);
        self.reply_sets(making);
        self.reply_words(making);
        let values = Values {
            kind: self.reply_kind(making),
            status: self.reply_status(making),
        };
        if self.complaints.len() > before {
            return None;
        }
        let mut parts = Vec::new();
        for slot in &making.shape.slots {
            let piece = piece(making, slot, values, echoed);
            match (parts.last_mut(), piece) {
                (Some(Piece::Bytes(before)), Piece::Bytes(bytes)) => before.extend(bytes),
                (_, piece) => parts.push(piece),
            }
        }
        Some(Template { parts })
    }

    /// Echoed fields exist, are asked for once, and there is a request to take them from.
    fn reply_echoes(&mut self, making: &Making<'_>) {
        for (index, name) in making.reply.echo.iter().enumerate() {
            let path = making.path(&[Step::Field("echo"), Step::Index(index)]);
            if making.word == "ping" {
                self.refuse(
                    &path,
                    "a ping answers nothing that it could echo",
                    "use `set`",
                );
                return;
            }
            let can = |holds: &Holds| echo(holds).is_some();
            self.slot(making.shape, name, &path, "an Int, Str or Bytes", can);
            let mut earlier = making.reply.echo.iter().take(index);
            if earlier.any(|before| before == name) {
                self.refuse(
                    &path,
                    format!("`{name}` is echoed twice"),
                    "remove one of them",
                );
            }
        }
    }

    /// Fields that are set exist, hold the value, and are not echoed too.
    fn reply_sets(&mut self, making: &Making<'_>) {
        for (name, value) in &making.reply.set.0 {
            let path = making.path(&[Step::Field("set"), Step::Key(name)]);
            let is_int = |holds: &Holds| matches!(holds, Holds::Int(_));
            let slot = self.slot(making.shape, name, &path, "an Int", is_int);
            let Some((place, number)) = slot.and_then(Slot::placed_number) else {
                continue;
            };
            if *value > number.max() {
                let help = format!("write at most {}", number.max());
                self.refuse(&path, format!("{value} does not fit `{name}`"), help);
            }
            let is_status = making.status.is_some_and(|status| status.place == place);
            if making.reply.echo.contains(name) {
                self.refuse(&path, format!("`{name}` is set and echoed"), "choose one");
            } else if is_status && making.reply.status.is_some() {
                self.refuse(
                    &path,
                    format!("`{name}` is set and takes the status"),
                    "choose one",
                );
            }
        }
    }

    /// The words go where words can go.
    fn reply_words(&mut self, making: &Making<'_>) {
        let Some(name) = &making.reply.words else {
            return;
        };
        let path = making.path(&[Step::Field("words")]);
        let can = |holds: &Holds| matches!(holds, Holds::Run(_) | Holds::Body);
        let types = "the Body or a Str with a length";
        self.slot(making.shape, name, &path, types, can);
        if making.reply.echo.contains(name) {
            self.refuse(
                &path,
                format!("`{name}` is echoed and takes the words"),
                "choose one",
            );
        }
    }

    /// The value of the kind's field in this reply.
    fn reply_kind(&mut self, making: &Making<'_>) -> Option<u64> {
        let path = making.path(&[Step::Field("kind")]);
        let Some((index, _)) = making.shape.kind() else {
            if making.reply.kind.is_some() {
                let message = "the frame has no Enum that tells kinds";
                self.refuse(&path, message, "remove `kind`");
            } else if making.word != "error" {
                self.refuse(
                    &making.whole(),
                    format!("nothing tells a {} from other frames", making.word),
                    "add an Enum with the kinds Ping and Pong to `frame`",
                );
            }
            return None;
        };
        let Some(Field::Enum(_, _, table)) = making.raw.frame.get(index) else {
            return None;
        };
        let usual = match making.word {
            "ping" => KindWord::Ping,
            "pong" => KindWord::Pong,
            _ => KindWord::Answer,
        };
        let wanted = making.reply.kind.unwrap_or(usual);
        let fits = wanted == usual || (usual, wanted) == (KindWord::Answer, KindWord::Message);
        if !fits {
            self.refuse(
                &path,
                format!(
                    "peers would not take the kind {wanted:?} as {}",
                    making.word
                ),
                format!("write kind: {usual:?}, or leave it out"),
            );
        }
        let value_of = |wanted: KindWord| {
            table.0.iter().find_map(|(pattern, word)| match pattern {
                Pattern::Range(first, _) if *word == wanted => Some(*first),
                _ => None,
            })
        };
        let value = value_of(wanted).or_else(|| match wanted {
            KindWord::Answer => value_of(KindWord::Message),
            _ => None,
        });
        if value.is_none() {
            self.refuse(
                &making.whole(),
                format!("no value of the kind's Enum is {wanted:?}"),
                format!("add one to it, or remove `{}`", making.word),
            );
        }
        value
    }

    /// The status: it fits, and that of an error is no success.
    fn reply_status(&mut self, making: &Making<'_>) -> Option<(u64, bool)> {
        let is_error = making.word == "error";
        let Some(said) = making.reply.status else {
            if is_error {
                self.refuse(
                    &making.whole(),
                    "nothing in this reply tells a client that it is an error",
                    "add status: Is(…), or From(…) for a status per error",
                );
            }
            return None;
        };
        let path = making.path(&[Step::Field("status")]);
        let Some(status) = making.status else {
            self.refuse(
                &path,
                "the description does not say where a status stands",
                "add status: Of(\"field\", [(0, Ok), (_, ApplicationError)])",
            );
            return None;
        };
        let (first, others) = match said {
            ReplyStatus::Is(value) => (value, 0),
            ReplyStatus::From(value) => (value, ProxyError::ALL.len().saturating_sub(1) as u64),
        };
        let last = first.saturating_add(others);
        if last > status.number.max() {
            let help = format!("the largest is {}", status.number.max());
            self.refuse(&path, format!("status {last} does not fit"), help);
        }
        let is_good = |value: &u64| in_ranges(&status.ranges, *value) == Some(&Verdict::Ok);
        if let Some(good) = (first..=last).find(is_good).filter(|_| is_error) {
            self.refuse(
                &path,
                format!("status {good} means Ok: clients would take an error for success"),
                "choose a status that means an error",
            );
        }
        Some((first, others > 0))
    }
}

/// How a field is echoed, if it can be.
fn echo(holds: &Holds) -> Option<Echoed> {
    match holds {
        Holds::Int(number) => Some(Echoed::Fixed(u32::from(number.width))),
        Holds::Fixed(bytes) => Some(Echoed::Fixed(*bytes)),
        Holds::Run(number) => Some(Echoed::Run(*number)),
        _ => None,
    }
}

/// One field of a reply.
fn piece(making: &Making<'_>, slot: &Slot, values: Values, echoed: &mut Vec<String>) -> Piece {
    let reply = making.reply;
    if reply.echo.contains(&slot.name) {
        let known = echoed.iter().position(|name| *name == slot.name);
        return Piece::Echo(known.unwrap_or_else(|| {
            echoed.push(slot.name.clone());
            echoed.len().saturating_sub(1)
        }));
    }
    let has_words = reply.words.as_ref() == Some(&slot.name);
    if let (Some(status), Some((first, each))) = (making.status, values.status)
        && status.place == slot.place
        && let Some(number) = slot.holds.number()
    {
        return Piece::Status {
            number,
            first,
            each,
        };
    }
    match &slot.holds {
        Holds::Magic(bytes) => Piece::Bytes(bytes.clone()),
        Holds::Enum(number) => constant(*number, values.kind.unwrap_or(0)),
        Holds::Int(number) => {
            let set = reply.set.0.iter().find(|(name, _)| *name == slot.name);
            constant(*number, set.map_or(0, |(_, value)| *value))
        }
        Holds::Id(number) => Piece::Id(*number),
        Holds::Length(_) => Piece::Length,
        Holds::Run(number) if has_words => Piece::Words(*number),
        Holds::Run(number) => constant(*number, 0),
        Holds::Fixed(bytes) => Piece::Bytes(vec![0; *bytes as usize]),
        Holds::Map(entries) => constant(entries.count, 0),
        Holds::Body => Piece::Body { words: has_words },
    }
}

/// An integer that is always the same.
fn constant(number: Number, value: u64) -> Piece {
    let mut bytes = Vec::new();
    number.push(value, &mut bytes);
    Piece::Bytes(bytes)
}
