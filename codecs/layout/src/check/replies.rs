//! The mesh's own frames: how each field of them is filled.

use weft_codec::{ProxyError, Side, Verdict};
use weft_ron::Step;

use super::Checker;
use super::shape::{Holds, Shape};
use crate::pattern::Pattern;
use crate::program::{Ask, Cases, Echo, Source, Status, Template, Want, What};
use crate::raw::{KindWord, Protocol, Reply, ReplyStatus, Rule};

/// The compiled replies.
#[derive(Default)]
pub(super) struct Spoken {
    pub(super) echoes: Vec<Echo>,
    pub(super) errors: Cases,
    pub(super) farewells: Cases,
    pub(super) ping: Option<Template>,
    pub(super) pong: Option<Template>,
    pub(super) go_away: Option<Template>,
    pub(super) local: Option<Template>,
    pub(super) cancel: Option<Template>,
}

/// What one reply is made from.
pub(super) struct Making<'r> {
    pub(super) raw: &'r Protocol,
    pub(super) shape: &'r Shape,
    pub(super) reply: &'r Reply,
    /// `error`, `farewell`, `local`, `ping`, `pong`, `go_away` or `cancel`.
    pub(super) word: &'static str,
    /// Where it stands in the description.
    pub(super) whole: Vec<Step<'r>>,
    pub(super) status: Option<&'r Status>,
}

impl<'r> Making<'r> {
    /// The path of a part of the reply.
    fn path(&self, steps: &[Step<'r>]) -> Vec<Step<'r>> {
        [&self.whole[..], steps].concat()
    }

    /// Whether it answers something that it can echo.
    fn answers(&self) -> bool {
        matches!(self.word, "error" | "pong" | "farewell" | "local")
    }

    /// The kind that it must have.
    fn usual_kind(&self) -> KindWord {
        match self.word {
            "ping" => KindWord::Ping,
            "pong" => KindWord::Pong,
            "go_away" | "farewell" => KindWord::GoAway,
            "cancel" => KindWord::Cancel,
            _ => KindWord::Answer,
        }
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
        let mut echoes = Vec::new();
        let errors = self.errors((raw, shape), status, &mut echoes);
        let farewells = self.farewells((raw, shape), status, &mut echoes);
        let mut make = |reply: &Option<Reply>, word: &'static str, side: Option<Side>| {
            let making = Making {
                raw,
                shape,
                reply: reply.as_ref()?,
                word,
                whole: vec![Step::Field("replies"), Step::Field(word)],
                status,
            };
            let sources = self.reply(&making, &mut echoes)?;
            Some(Template { side, sources })
        };
        let replies = &raw.replies;
        let ping = make(&replies.ping, "ping", Some(Side::Downstream));
        let pong = make(&replies.pong, "pong", None);
        let go_away = make(&replies.go_away, "go_away", Some(Side::Upstream));
        let local = make(&replies.local, "local", Some(Side::Upstream));
        let cancel = make(&replies.cancel, "cancel", Some(Side::Downstream));
        Spoken {
            echoes,
            errors,
            farewells,
            ping,
            pong,
            go_away,
            local,
            cancel,
        }
    }

    /// How one reply fills its fields; `echoes` collects all fields that are remembered.
    pub(super) fn reply(
        &mut self,
        making: &Making<'_>,
        echoes: &mut Vec<Echo>,
    ) -> Option<Vec<Option<Source>>> {
        let before = self.complaints.len();
        let mut sources = vec![None; making.shape.fields.len()];
        self.reply_kind(making, &mut sources);
        self.reply_echoes(making, &mut sources, echoes);
        self.reply_sets(making, &mut sources);
        self.reply_status(making, &mut sources);
        self.reply_words(making, &mut sources);
        (self.complaints.len() == before).then_some(sources)
    }

    /// Echoed fields exist, are asked for once, and there is a request to take them from.
    fn reply_echoes(
        &mut self,
        making: &Making<'_>,
        sources: &mut [Option<Source>],
        echoes: &mut Vec<Echo>,
    ) {
        for (index, name) in making.reply.echo.iter().enumerate() {
            let path = making.path(&[Step::Field("echo"), Step::Index(index)]);
            if !making.answers() {
                let word = making.word;
                self.refuse(
                    &path,
                    format!("a {word} answers nothing that it could echo"),
                    "use `set`",
                );
                return;
            }
            let can = |holds: Holds| holds != Holds::Enum && holds.is_readable();
            let types = ("an Int, Str or Bytes", can);
            let Some(field) = self.field(making.shape, name, &path, types) else {
                continue;
            };
            if making
                .reply
                .echo
                .iter()
                .take(index)
                .any(|before| before == name)
            {
                self.refuse(
                    &path,
                    format!("`{name}` is echoed twice"),
                    "remove one of them",
                );
            }
            let known = echoes.iter().position(|echo| echo.ask.field == field);
            let number = known.unwrap_or_else(|| {
                let width = match making.shape.what(field) {
                    Some(What::Number(number)) if number.is_fixed() => Some(number.width.min(8)),
                    Some(What::Number(_) | What::Decimal) => Some(8),
                    Some(What::Bits(_, _, bits)) => Some(bits.div_ceil(8)),
                    Some(What::Text(_)) | None => None,
                };
                echoes.push(Echo {
                    ask: Ask::of(field),
                    width,
                });
                echoes.len().saturating_sub(1)
            });
            fill(sources, field, Source::Echo(number));
        }
    }

    /// Fields that are set exist, hold the value, and are not echoed too.
    fn reply_sets(&mut self, making: &Making<'_>, sources: &mut [Option<Source>]) {
        for (name, value) in &making.reply.set.0 {
            let path = making.path(&[Step::Field("set"), Step::Key(name)]);
            let can = |holds: Holds| holds != Holds::Enum && holds.is_readable();
            let types = ("an Int", can);
            let Some(field) = self.field(making.shape, name, &path, types) else {
                continue;
            };
            let source = match (value, making.shape.what(field)) {
                (Pattern::Text(text), Some(What::Text(_))) => {
                    Some(Source::Text(text.as_bytes().into()))
                }
                (Pattern::Range(first, last), _) if first == last => self.is(making, field, *first),
                _ => None,
            };
            let Some(source) = source else {
                let most = making.shape.range(field).map_or(0, |(_, high)| high);
                self.refuse(
                    &path,
                    format!("{value} does not fit `{name}`"),
                    match most {
                        0 => "write a text in quotes".to_owned(),
                        most => format!("write at most {most}"),
                    },
                );
                continue;
            };
            let is_status = making
                .status
                .is_some_and(|status| status.ask.field == field);
            if making.reply.echo.contains(name) {
                self.refuse(&path, format!("`{name}` is set and echoed"), "choose one");
            } else if is_status && making.reply.status.is_some() {
                self.refuse(
                    &path,
                    format!("`{name}` is set and takes the status"),
                    "choose one",
                );
            }
            fill(sources, field, source);
        }
    }

    /// A number for a field, if it fits.
    fn is(&self, making: &Making<'_>, field: usize, value: i128) -> Option<Source> {
        let (low, high) = making.shape.range(field)?;
        let raw = u64::try_from(value & i128::from(u64::MAX)).ok()?;
        (low..=high).contains(&value).then_some(Source::Is(raw))
    }

    /// The words go where words can go.
    fn reply_words(&mut self, making: &Making<'_>, sources: &mut [Option<Source>]) {
        let Some(name) = &making.reply.words else {
            return;
        };
        let path = making.path(&[Step::Field("words")]);
        let can = |holds: Holds| matches!(holds, Holds::Text | Holds::Body);
        let types = "the Body or a Str with a length";
        let Some(field) = self.field(making.shape, name, &path, (types, can)) else {
            return;
        };
        if !making.shape.is_open_text(field) {
            self.refuse(
                &path,
                format!("`{name}` always has the same length, whatever the words are"),
                "name the Body, or a Str with a length, an end or padding of its own",
            );
        }
        if making.reply.echo.contains(name) {
            self.refuse(
                &path,
                format!("`{name}` is echoed and takes the words"),
                "choose one",
            );
        }
        fill(sources, field, Source::Words);
    }

    /// What makes a frame of the kind that this reply has.
    fn reply_kind(&mut self, making: &Making<'_>, sources: &mut [Option<Source>]) {
        let path = making.path(&[Step::Field("kind")]);
        let slots = &making.shape.slots;
        let kind_slot = slots.iter().find(|slot| slot.holds == Holds::Enum);
        if kind_slot.is_none() && making.raw.kinds.is_empty() {
            if making.reply.kind.is_some() {
                let message = "the frame has no Enum that tells kinds";
                self.refuse(&path, message, "remove `kind`");
            } else if !matches!(making.word, "error" | "local") {
                self.refuse(
                    &making.whole,
                    format!("nothing tells a {} from other frames", making.word),
                    "add an Enum with the kinds Ping and Pong to `frame`, or `kinds`",
                );
            }
            return;
        }
        let usual = making.usual_kind();
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
        let found = match kind_slot.and_then(|slot| slot.field) {
            Some(field) => {
                let value = enum_value(making, wanted);
                value.is_some_and(|value| {
                    fill(sources, field, Source::Is(value));
                    true
                })
            }
            None => self.rule_values(making, wanted, sources),
        };
        if !found {
            let whose = match kind_slot {
                Some(_) => "no value of the kind's Enum",
                None => "no line of `kinds`",
            };
            self.refuse(
                &making.whole,
                format!("{whose} is {wanted:?}"),
                format!("add one to it, or remove `{}`", making.word),
            );
        }
    }

    /// Fills the fields that the first rule of this kind asks for with the first values that
    /// they may have. False if there is no such rule.
    fn rule_values(
        &mut self,
        making: &Making<'_>,
        wanted: KindWord,
        sources: &mut [Option<Source>],
    ) -> bool {
        let is_it = |word: KindWord| {
            word == wanted || (wanted, word) == (KindWord::Answer, KindWord::Message)
        };
        let mut rules = making.raw.kinds.iter();
        match rules.find(|rule| is_it(rule.word())) {
            None => false,
            Some(Rule::Otherwise(_)) => true,
            Some(Rule::When(when, _)) => {
                let Some(line) = when.0.first() else {
                    return true;
                };
                for (name, pattern) in &line.0 {
                    let slot = making.shape.slot(name);
                    let Some(field) = slot.and_then(|slot| slot.field) else {
                        continue;
                    };
                    let source = match pattern {
                        Pattern::Range(first, _) => self.is(making, field, *first),
                        Pattern::Text(text) => Some(Source::Text(text.as_bytes().into())),
                        Pattern::Others => None,
                    };
                    if let Some(source) = source {
                        fill(sources, field, source);
                    }
                }
                true
            }
        }
    }

    /// The status: it fits, and that of an error is no success.
    fn reply_status(&mut self, making: &Making<'_>, sources: &mut [Option<Source>]) {
        let is_error = making.word == "error";
        let Some(said) = &making.reply.status else {
            if is_error && making.raw.verdicts.is_empty() {
                self.refuse(
                    &making.whole,
                    "nothing in this reply tells a client that it is an error",
                    "add status: Is(…), or From(…) for a status per error",
                );
            }
            return;
        };
        let path = making.path(&[Step::Field("status")]);
        let Some(status) = making.status else {
            // One that is written and could not be understood has been complained of already.
            if making.raw.status.is_some() {
                return;
            }
            self.refuse(
                &path,
                "the description does not say where a status stands",
                "add status: Of(\"field\", [(0, Ok), (_, ApplicationError)])",
            );
            return;
        };
        let (first, others) = match said {
            ReplyStatus::Is(Pattern::Text(text)) => {
                let source = Source::Text(text.as_bytes().into());
                fill(sources, status.ask.field, source);
                return;
            }
            ReplyStatus::Is(Pattern::Range(value, last)) if value == last => (*value, 0),
            ReplyStatus::Is(pattern) => {
                let message = format!("`{pattern}` is not one status");
                self.refuse(&path, message, "write a number or a text");
                return;
            }
            ReplyStatus::From(value) => {
                let others = ProxyError::ALL.len().saturating_sub(1);
                (i128::from(*value), i128::try_from(others).unwrap_or(0))
            }
        };
        let last = first.saturating_add(others);
        let (low, high) = making.shape.range(status.ask.field).unwrap_or((0, -1));
        if last > high || first < low {
            let help = format!("the largest is {high}");
            self.refuse(&path, format!("status {last} does not fit"), help);
            return;
        }
        let means = |value: i128| {
            let mut lines = status.table.iter();
            lines.find(|(want, _)| match want {
                Want::Range(first, last) => (*first..=*last).contains(&value),
                want => *want == Want::Present,
            })
        };
        let is_good = |value: &i128| means(*value).is_some_and(|(_, means)| *means == Verdict::Ok);
        let checked = is_error && making.raw.verdicts.is_empty();
        if let Some(good) = (first..=last).find(is_good).filter(|_| checked) {
            self.refuse(
                &path,
                format!("status {good} means Ok: clients would take an error for success"),
                "choose a status that means an error",
            );
        }
        let first = u64::try_from(first & i128::from(u64::MAX)).unwrap_or(0);
        fill(sources, status.ask.field, Source::Status(first, others > 0));
    }
}

/// The first value of the Enum that means this kind.
fn enum_value(making: &Making<'_>, wanted: KindWord) -> Option<u64> {
    let slots = &making.shape.slots;
    let slot = slots.iter().find(|slot| slot.holds == Holds::Enum)?;
    let What::Number(number) = making.shape.what(slot.field?)? else {
        return None;
    };
    let table = super::meaning::table_of(&making.raw.frame, &slot.name)?;
    let value_of = |wanted: KindWord| {
        let mut lines = table.iter().filter(|(_, word)| *word == wanted);
        lines.find_map(|(pattern, _)| pattern.first(*number))
    };
    value_of(wanted).or_else(|| match wanted {
        KindWord::Answer => value_of(KindWord::Message),
        _ => None,
    })
}

/// Says how a field is filled; a later word counts.
fn fill(sources: &mut [Option<Source>], field: usize, source: Source) {
    if let Some(slot) = sources.get_mut(field) {
        *slot = Some(source);
    }
}
