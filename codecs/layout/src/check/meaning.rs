//! What the mesh makes of a frame: kinds, status, ids, and the declarations of the protocol.

use weft_codec::{Correlation, IdDomain, IdKind, Kind, OneWayAnswers, Order, Verdict};
use weft_ron::Step;

use super::Checker;
use super::frame::{Holds, Shape};
use crate::number::Number;
use crate::program::{Kinds, Meaning, Status, in_ranges};
use crate::raw::{self, Field, KindWord, Protocol, VerdictWord};

/// What the description declares beside its frame.
pub(super) struct Declared {
    pub(super) correlation: Correlation,
    pub(super) order: Order,
    pub(super) one_way_answers: OneWayAnswers,
    pub(super) ids: Option<IdDomain>,
}

impl Checker<'_> {
    /// How a frame's kind is known.
    pub(super) fn kinds(&mut self, raw: &Protocol, shape: &Shape) -> Kinds {
        let Some((index, slot)) = shape.kind() else {
            return Kinds::Direction;
        };
        let (Some(Field::Enum(name, _, table)), Some(number)) =
            (raw.frame.get(index), slot.holds.number())
        else {
            return Kinds::Direction;
        };
        let at = [Step::Field("frame"), Step::Index(index), Step::Index(2)];
        let path = |line| [&at[..], &[Step::Index(line)]].concat();
        let lines: Vec<_> = table
            .0
            .iter()
            .map(|(of, word)| (*of, meaning(*word)))
            .collect();
        let ranges = self.ranges(number, &lines, path, "two kinds cannot be told apart");
        let any = |wanted: &[KindWord]| table.0.iter().any(|(_, word)| wanted.contains(word));
        if !any(&[KindWord::Request, KindWord::OneWay, KindWord::Message]) {
            self.refuse(
                &at,
                format!("no value of `{name}` is a request"),
                "give one the kind Request, or Message if requests and answers share it",
            );
        } else if any(&[KindWord::Request]) && !any(&[KindWord::Answer, KindWord::Message]) {
            self.refuse(
                &at,
                format!("no value of `{name}` is an answer"),
                "give one the kind Answer",
            );
        }
        let place = slot.place;
        if number.width != 1 {
            return Kinds::Ranges {
                place,
                number,
                ranges,
            };
        }
        let mut meanings = Box::new([Meaning::Unknown; 256]);
        for (value, slot) in (0u64..).zip(meanings.iter_mut()) {
            *slot = *in_ranges(&ranges, value).unwrap_or(&Meaning::Unknown);
        }
        Kinds::Byte { place, meanings }
    }

    /// Where the status stands and what it means.
    pub(super) fn status(&mut self, raw: &Protocol, shape: &Shape) -> Option<Status> {
        let raw::Status::Of(name, table) = raw.status.as_ref()?;
        let is_number = |holds: &Holds| matches!(holds, Holds::Int(_) | Holds::Enum(_));
        let path = [Step::Field("status"), Step::Index(0)];
        let slot = self.slot(shape, name, &path, "an Int or Enum", is_number)?;
        let (place, number) = slot.placed_number()?;
        let at = [Step::Field("status"), Step::Index(1)];
        let path = |line| [&at[..], &[Step::Index(line), Step::Index(0)]].concat();
        let lines: Vec<_> = table
            .iter()
            .map(|(of, word)| (*of, verdict(*word)))
            .collect();
        let ranges = self.ranges(number, &lines, path, "two verdicts on one status");
        let takes_all =
            |(first, last, _): &(u64, u64, Verdict)| *first == 0 && *last >= number.max();
        if !ranges.last().is_some_and(takes_all) {
            self.refuse(
                &at,
                "the table does not say what other values mean",
                "end it with (_, ApplicationError)",
            );
        }
        Some(Status {
            place,
            number,
            ranges,
        })
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
        Declared {
            correlation,
            order,
            one_way_answers: match raw.one_way_answers {
                None | Some(raw::OneWayAnswers::Never) => OneWayAnswers::Never,
                Some(raw::OneWayAnswers::Maybe) => OneWayAnswers::Maybe,
                Some(raw::OneWayAnswers::Always) => OneWayAnswers::Always,
            },
            ids,
        }
    }

    /// How answers find their requests. A protocol that does not say that its connections
    /// remember nothing is bound.
    fn correlation(&mut self, raw: &Protocol, has_ids: bool) -> Correlation {
        let stateless = raw.state == Some(raw::State::Stateless);
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
            None if !stateless => Correlation::Bound,
            Some(_) if !stateless => {
                self.refuse(
                    &[Step::Field("correlation")],
                    "`state` is not declared, so every client needs a connection of its own",
                    "say state: Stateless if connections remember nothing between requests, \
                     else correlation: Bound",
                );
                Correlation::Bound
            }
            Some(raw::Correlation::ById) => Correlation::ById,
            Some(raw::Correlation::InOrder) => Correlation::InOrder,
            Some(raw::Correlation::Exclusive) => Correlation::Exclusive,
            None if has_ids => Correlation::ById,
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
        let Some(number) = shape.id().and_then(|slot| slot.holds.number()) else {
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
            .map_or_else(|| usual_ids(number), |ids| (ids.first, ids.last));
        if first > last {
            self.refuse(
                &path,
                format!("the range of ids from {first} to {last} is empty"),
                "write first: 1 and the largest id as last",
            );
        } else if last > number.max() {
            self.refuse(
                &[Step::Field("ids"), Step::Field("last")],
                format!("id {last} cannot be patched into {} byte(s)", number.width),
                format!("write at most {}", number.max()),
            );
        }
        Some(IdDomain {
            kind: IdKind::Integer(number.width),
            wire_first: first,
            wire_last: last,
        })
    }
}

/// The ids of an integer when the description names none: not 0, which often means none; and of
/// four bytes and more only the lower half, which peers that read signed integers understand.
fn usual_ids(number: Number) -> (u64, u64) {
    let last = number.max();
    (1, if number.width < 4 { last } else { last >> 1 })
}

/// What a kind's word means.
fn meaning(word: KindWord) -> Meaning {
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
