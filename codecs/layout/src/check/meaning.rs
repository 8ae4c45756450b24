//! What the mesh makes of a frame: kinds, status, connection, ids, and the declarations of the
//! protocol.

use weft_codec::{Correlation, Effect, IdDomain, Kind, OneWayAnswers, Order, Side, Verdict};
use weft_ron::Step;

use super::Checker;
use super::shape::{Holds, Shape};
use crate::program::{Ask, Condition, Does, Kinds, Meaning, Status, Test, Want, What};
use crate::raw::{self, Field, KindWord, Protocol, Rule, VerdictWord};

/// What the description declares beside its frame.
pub(super) struct Declared {
    pub(super) correlation: Correlation,
    pub(super) order: Order,
    pub(super) one_way_answers: OneWayAnswers,
    pub(super) ids: Option<IdDomain>,
}

impl Checker<'_> {
    /// How a frame's kind is known: by an Enum, by rules, or by its direction.
    pub(super) fn kinds(
        &mut self,
        raw: &Protocol,
        shape: &Shape,
        enum_at: Option<&[Step<'_>]>,
    ) -> Kinds {
        let slot = shape.slots.iter().find(|slot| slot.holds == Holds::Enum);
        let Some(slot) = slot else {
            return if raw.kinds.is_empty() {
                Kinds::Direction
            } else {
                self.kind_rules(raw, shape)
            };
        };
        if !raw.kinds.is_empty() {
            self.refuse(
                &[Step::Field("kinds")],
                format!("kinds are told by the Enum `{}` already", slot.name),
                "make the Enum an Int, or remove `kinds`",
            );
        }
        let table = table_of(&raw.frame, &slot.name);
        let (Some(table), Some(field), Some(at)) = (table, slot.field, enum_at) else {
            return Kinds::Direction;
        };
        let at = [at, &[Step::Index(2)]].concat();
        let words: Vec<KindWord> = table.iter().map(|(_, word)| *word).collect();
        self.both_ways(&words, &at, &format!("value of `{}`", slot.name));
        let path = |line| [&at[..], &[Step::Index(line)]].concat();
        let lines: Vec<_> = table
            .iter()
            .map(|(of, word)| (of.clone(), meaning(*word)))
            .collect();
        let ranges = self.ranges(
            (shape, field),
            &lines,
            path,
            "two kinds cannot be told apart",
        );
        let constant = shape.constant_place(field);
        match (constant, shape.what(field)) {
            (Some(place), Some(What::Number(number))) if number.is_fixed() => {
                let ranges: Vec<_> = ranges
                    .into_iter()
                    .map(|(want, meaning)| match want {
                        Want::Range(first, last) => (first, last, meaning),
                        _ => (i128::MIN, i128::MAX, meaning),
                    })
                    .collect();
                if number.width != 1 || number.is_signed() {
                    return Kinds::Ranges {
                        place,
                        number: *number,
                        ranges,
                    };
                }
                let mut meanings = Box::new([Meaning::Unknown; 256]);
                for (value, slot) in (0i128..).zip(meanings.iter_mut()) {
                    let found = crate::program::in_ranges(&ranges, value);
                    *slot = *found.unwrap_or(&Meaning::Unknown);
                }
                Kinds::Byte { place, meanings }
            }
            _ => Kinds::Rules(
                ranges
                    .into_iter()
                    .map(|(want, meaning)| {
                        let lines = vec![vec![Test { field, want }]];
                        (Condition { lines, not: false }, meaning)
                    })
                    .collect(),
            ),
        }
    }

    /// Kinds by conditions.
    fn kind_rules(&mut self, raw: &Protocol, shape: &Shape) -> Kinds {
        let path = [Step::Field("kinds")];
        let words: Vec<KindWord> = raw.kinds.iter().map(Rule::word).collect();
        self.both_ways(&words, &path, "line of `kinds`");
        let rules = self.rules(shape, &raw.kinds, "kinds");
        for (index, (condition, word)) in rules.iter().enumerate() {
            let mut earlier = rules.iter().take(index);
            if let Some((_, other)) = earlier.find(|(other, _)| other == condition) {
                let message = if other == word {
                    "this line repeats one before it"
                } else {
                    "two kinds cannot be told apart: one before this takes the same frames"
                };
                let at = [Step::Field("kinds"), Step::Index(index)];
                self.refuse(&at, message, "name a field that tells them apart");
            }
        }
        Kinds::Rules(
            rules
                .into_iter()
                .map(|(condition, word)| (condition, meaning(word)))
                .collect(),
        )
    }

    /// Lines of rules, the first of which that holds counts.
    pub(super) fn rules<W: Copy>(
        &mut self,
        shape: &Shape,
        rules: &[Rule<W>],
        word: &'static str,
    ) -> Vec<(Condition, W)> {
        let mut compiled = Vec::new();
        for (index, rule) in rules.iter().enumerate() {
            let path = [Step::Field(word), Step::Index(index)];
            let behind = rules.get(..index).unwrap_or_default();
            if behind.iter().any(|rule| matches!(rule, Rule::Otherwise(_))) {
                self.refuse(
                    &path,
                    "this line is never reached: an Otherwise before it takes every frame",
                    "move Otherwise to the end",
                );
                continue;
            }
            compiled.push(match rule {
                Rule::When(when, word) => {
                    let path = [&path[..], &[Step::Index(0)]].concat();
                    (self.condition(shape, when, &path), *word)
                }
                Rule::Otherwise(word) => (Condition::ALWAYS, *word),
            });
        }
        compiled
    }

    /// Some frames ask, and if some are answered, some answer.
    fn both_ways(&mut self, words: &[KindWord], path: &[Step<'_>], of: &str) {
        let any = |wanted: &[KindWord]| words.iter().any(|word| wanted.contains(word));
        if !any(&[KindWord::Request, KindWord::OneWay, KindWord::Message]) {
            self.refuse(
                path,
                format!("no {of} is a request"),
                "give one the kind Request, or Message if requests and answers share it",
            );
        } else if any(&[KindWord::Request]) && !any(&[KindWord::Answer, KindWord::Message]) {
            self.refuse(
                path,
                format!("no {of} is an answer"),
                "give one the kind Answer",
            );
        }
    }

    /// Where the status stands and what it means.
    pub(super) fn status(&mut self, raw: &Protocol, shape: &Shape) -> Option<Status> {
        let raw::Status::Of(name, table) = raw.status.as_ref()?;
        let path = [Step::Field("status"), Step::Index(0)];
        let types = ("an Int or Enum", Holds::is_readable);
        let field = self.field(shape, name, &path, types)?;
        let at = [Step::Field("status"), Step::Index(1)];
        let path = |line| [&at[..], &[Step::Index(line), Step::Index(0)]].concat();
        let lines: Vec<_> = table
            .iter()
            .map(|(of, word)| (of.clone(), verdict(*word)))
            .collect();
        let clash = "two verdicts on one status";
        let table = self.ranges((shape, field), &lines, path, clash);
        let range = shape.range(field);
        let takes_all = |want: &Want| match (want, range) {
            (Want::Present, _) => true,
            (Want::Range(first, last), Some((low, high))) => *first <= low && *last >= high,
            _ => false,
        };
        if !table.last().is_some_and(|(want, _)| takes_all(want)) {
            self.refuse(
                &at,
                "the table does not say what other values mean",
                "end it with (_, ApplicationError)",
            );
        }
        Some(Status {
            ask: Ask::of(field),
            table,
            quick: None,
        })
    }

    /// What answers mean by several fields.
    pub(super) fn verdicts(&mut self, raw: &Protocol, shape: &Shape) -> Vec<(Condition, Verdict)> {
        let rules = self.rules(shape, &raw.verdicts, "verdicts");
        let ends = matches!(raw.verdicts.last(), Some(Rule::Otherwise(_)));
        if !raw.verdicts.is_empty() && !ends && raw.status.is_none() {
            self.refuse(
                &[Step::Field("verdicts")],
                "the list does not say what other answers mean",
                "end it with Otherwise(Ok), or add a `status`",
            );
        }
        rules
            .into_iter()
            .map(|(condition, word)| (condition, verdict(word)))
            .collect()
    }

    /// What requests do to their connection.
    pub(super) fn effects(&mut self, raw: &Protocol, shape: &Shape) -> Vec<Does> {
        let rules = self.rules(shape, &raw.connection, "connection");
        if !raw.connection.is_empty() && raw.state.is_some() {
            self.refuse(
                &[Step::Field("state")],
                "the connection remembers something: `connection` says what",
                "remove `state`",
            );
        }
        let local = raw.connection.iter().map(Rule::word);
        for (index, word) in local.enumerate() {
            if word == raw::EffectWord::Local && raw.replies.local.is_none() {
                self.refuse(
                    &[Step::Field("connection"), Step::Index(index)],
                    "the mesh is to answer this itself, but nothing says how",
                    "add what it says: replies: (local: (…))",
                );
            }
        }
        let effects = rules.into_iter().map(|(mut condition, word)| {
            // Only requests change a connection.
            for line in &mut condition.lines {
                line.push(Test {
                    field: 0,
                    want: Want::From(Side::Downstream),
                });
            }
            Does {
                when: condition,
                effect: effect(word),
                once: word == raw::EffectWord::LoginOnce,
            }
        });
        effects.collect()
    }

    /// The declarations, with what they are when left out.
    pub(super) fn declarations(&mut self, raw: &Protocol, shape: &Shape) -> Declared {
        let ids = self.ids(raw, shape);
        let correlation = self.correlation(raw, ids.is_some());
        let order = match (raw.order, ids) {
            (Some(raw::Order::AsReady), None) => {
                self.refuse(
                    &[Step::Field("order")],
                    "without ids a client can match answers only by their order",
                    "say order: InOrder, or leave it out",
                );
                Order::InOrder
            }
            (Some(raw::Order::InOrder), _) | (None, None) => Order::InOrder,
            (Some(raw::Order::AsReady) | None, Some(_)) => Order::AsReady,
        };
        let one_way_answers = match raw.one_way_answers {
            None | Some(raw::OneWayAnswers::Never) => OneWayAnswers::Never,
            Some(raw::OneWayAnswers::Maybe) => OneWayAnswers::Maybe,
            Some(raw::OneWayAnswers::Always) => OneWayAnswers::Always,
        };
        let in_doubt = one_way_answers == OneWayAnswers::Maybe
            && matches!(correlation, Correlation::InOrder | Correlation::Exclusive);
        if in_doubt {
            self.refuse(
                &[Step::Field("one_way_answers")],
                "answers are matched by position, and a one-way that may be answered makes every \
                 position after it uncertain",
                "say Never or Always, or correlation: Bound",
            );
        }
        if raw.speaks_first == Some(raw::Speaker::Server) && correlation != Correlation::Bound {
            self.refuse(
                &[Step::Field("speaks_first")],
                "a server that speaks first greets each client: it needs a connection of its own",
                "say correlation: Bound, and leave out `state`",
            );
        }
        Declared {
            correlation,
            order,
            one_way_answers,
            ids,
        }
    }

    /// How answers find their requests. A protocol that does not say what its connections
    /// remember is bound.
    fn correlation(&mut self, raw: &Protocol, has_ids: bool) -> Correlation {
        let declared = raw.state == Some(raw::State::Stateless) || !raw.connection.is_empty();
        match raw.correlation {
            Some(raw::Correlation::ById) if !has_ids => {
                self.refuse(
                    &[Step::Field("correlation")],
                    "answers cannot be found by id: the frame has no Id",
                    "add Id(\"id\", U32) to `frame`, or declare InOrder or Exclusive",
                );
                Correlation::ById
            }
            Some(raw::Correlation::Bound) => Correlation::Bound,
            None if !declared => Correlation::Bound,
            Some(_) if !declared => {
                self.refuse(
                    &[Step::Field("correlation")],
                    "`state` is not declared, so every client needs a connection of its own",
                    "say state: Stateless if connections remember nothing between requests, \
                     `connection` if some requests change them, else correlation: Bound",
                );
                Correlation::Bound
            }
            Some(raw::Correlation::ById) => Correlation::ById,
            Some(raw::Correlation::InOrder) => Correlation::InOrder,
            Some(raw::Correlation::Exclusive) => Correlation::Exclusive,
            None if has_ids => Correlation::ById,
            // An Id that was refused is not missing.
            None if !self.complaints.is_empty() => Correlation::Exclusive,
            None => {
                self.refuse(
                    &[Step::Field("frame")],
                    "the frame has no Id, and nothing says how answers find their requests",
                    "add Id(\"id\", U32), or say correlation: InOrder if servers answer in the \
                     order of requests, Exclusive if they take one at a time",
                );
                Correlation::Exclusive
            }
        }
    }

    /// The ids that the mesh may use.
    fn ids(&mut self, raw: &Protocol, shape: &Shape) -> Option<IdDomain> {
        let path = [Step::Field("ids")];
        let Some(id) = &shape.id else {
            if raw.ids.is_some() {
                self.refuse(
                    &path,
                    "a range of ids, but the frame has no Id",
                    "add Id(\"id\", U32) to `frame`, or remove `ids`",
                );
            }
            return None;
        };
        let (first, last) = raw
            .ids
            .map_or_else(|| id.form.usual(), |ids| (ids.first, ids.last));
        let bytes = |value: u64| {
            let mut out = Vec::new();
            id.form.push(value, &mut out).then_some(out.len())
        };
        if first > last {
            self.refuse(
                &path,
                format!("the range of ids from {first} to {last} is empty"),
                "write first: 1 and the largest id as last",
            );
        } else if bytes(last).is_none() {
            let width = id.form.wire_bytes().unwrap_or(0);
            let most = match id.form {
                crate::id::IdForm::Number(number) => number.max(),
                form => form.usual().1,
            };
            self.refuse(
                &[Step::Field("ids"), Step::Field("last")],
                format!("id {last} cannot be patched into {width} byte(s)"),
                format!("write at most {most}"),
            );
        } else if bytes(first) != bytes(last) {
            self.refuse(
                &path,
                format!("ids from {first} to {last} have different lengths on the wire"),
                "choose a range of one length, or leave it out",
            );
        }
        Some(id.form.domain(first, last))
    }
}

/// The table of the Enum of this name, wherever it stands.
pub(super) fn table_of<'r>(
    fields: &'r [Field],
    name: &str,
) -> Option<&'r [(crate::pattern::Pattern, KindWord)]> {
    fields.iter().find_map(|field| match field {
        Field::Enum(found, _, table) if found == name => Some(table.0.as_slice()),
        Field::Section(_, _, inner)
        | Field::Optional(inner)
        | Field::Requests(inner)
        | Field::Answers(inner) => table_of(inner, name),
        Field::If(_, then, otherwise) => table_of(then, name).or_else(|| table_of(otherwise, name)),
        Field::Switch(_, arms) => arms.0.iter().find_map(|(_, inner)| table_of(inner, name)),
        _ => None,
    })
}

/// What a kind's word means.
pub(super) fn meaning(word: KindWord) -> Meaning {
    Meaning::Is(match word {
        KindWord::Message => return Meaning::Message,
        KindWord::Request => Kind::Request,
        KindWord::OneWay => Kind::OneWay,
        KindWord::Answer => Kind::Answer,
        KindWord::Push => Kind::Push,
        KindWord::Ping => Kind::Ping,
        KindWord::Pong => Kind::Pong,
        KindWord::GoAway => Kind::GoAway,
        KindWord::Cancel => Kind::Cancel,
        KindWord::Handshake => Kind::Handshake,
    })
}

/// What a verdict's word means.
fn verdict(word: VerdictWord) -> Verdict {
    match word {
        VerdictWord::Ok => Verdict::Ok,
        VerdictWord::ApplicationError => Verdict::ApplicationError,
        VerdictWord::Overload => Verdict::Overload,
        VerdictWord::NotExecuted => Verdict::NotExecuted,
        VerdictWord::Unavailable => Verdict::Unavailable,
    }
}

/// What an effect's word means.
fn effect(word: raw::EffectWord) -> Effect {
    match word {
        raw::EffectWord::Nothing => Effect::Stateless,
        raw::EffectWord::Login | raw::EffectWord::LoginOnce => Effect::Facet,
        raw::EffectWord::Local => Effect::Local,
        raw::EffectWord::Pin => Effect::Pin,
        raw::EffectWord::Unpin => Effect::Unpin,
        raw::EffectWord::Session => Effect::Session,
        raw::EffectWord::Tunnel => Effect::Tunnel,
        raw::EffectWord::Blocking => Effect::Blocking,
        raw::EffectWord::Quit => Effect::Quit,
    }
}
