//! What values of fields mean.

use weft_codec::{Effect, Kind, Side, Verdict};

use super::{Ask, Place, Slot};
use crate::number::Number;

/// A condition on fields: it holds if all tests of one of its lines do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Condition {
    pub(crate) lines: Vec<Vec<Test>>,
    /// It holds if otherwise it would not.
    pub(crate) not: bool,
}

impl Condition {
    /// One that every frame fulfils.
    pub(crate) const ALWAYS: Self = Self {
        lines: Vec::new(),
        not: true,
    };

    /// Whether every frame fulfils it.
    pub(crate) fn is_always(&self) -> bool {
        self.lines.is_empty() && self.not
    }
}

/// A test of one field, or of the direction. A field that the frame does not have passes none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Test {
    /// The field's number; of no meaning for [`Want::From`].
    pub(crate) field: usize,
    pub(crate) want: Want,
}

/// What some requests do to their connection.
#[derive(Debug)]
pub(crate) struct Does {
    pub(crate) when: Condition,
    pub(crate) effect: Effect,
    /// A connection takes it only once: it needs one that nobody has logged in on.
    pub(crate) once: bool,
}

/// An operation that servers answer only sometimes.
#[derive(Debug)]
pub(crate) struct Quiet {
    pub(crate) when: Condition,
    /// The fields that make it one that is always answered, and their values then.
    pub(crate) loud: Vec<(usize, u64)>,
    /// Which answers to that its caller does not want.
    pub(crate) silent: Condition,
}

/// What is wanted of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Want {
    /// An integer from the first to the last.
    Range(i128, i128),
    /// These bytes.
    Text(Box<[u8]>),
    /// Anything: it only has to be there.
    Present,
    /// The frame comes from this side.
    From(Side),
}

/// How a frame's kind is known.
#[derive(Debug)]
pub(crate) enum Kinds {
    /// By its direction alone: requests from clients, answers from servers.
    Direction,
    /// By an integer of one byte at a constant place: what each value means.
    Byte {
        place: Place,
        meanings: Box<[Meaning; 256]>,
    },
    /// By a wider integer at a constant place: the first range that holds the value says it.
    Ranges {
        place: Place,
        number: Number,
        ranges: Vec<(i128, i128, Meaning)>,
    },
    /// By any fields: the first condition that holds says it.
    Rules(Vec<(Condition, Meaning)>),
}

/// What a value of the kind's field means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// The description does not say.
    Unknown,
    /// A request from a client, an answer from a server.
    Message,
    /// This kind.
    Is(Kind),
}

/// Where an answer's status stands and what it means.
#[derive(Debug)]
pub(crate) struct Status {
    pub(crate) ask: Ask,
    /// The first line that takes the value says it; the last one takes every value.
    pub(crate) table: Vec<(Want, Verdict)>,
    /// The same, if it is an unsigned integer at a constant place that alone says it.
    pub(crate) quick: Option<QuickStatus>,
}

/// A status that is read with one load.
#[derive(Debug)]
pub(crate) struct QuickStatus {
    pub(crate) slot: Slot,
    /// The first range that holds the value says it.
    pub(crate) table: Vec<(u64, u64, Verdict)>,
}

/// Where the time stands that the caller will still wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    pub(crate) ask: Ask,
    /// Nanoseconds of its unit.
    pub(crate) unit_ns: u64,
    /// It, if it is an unsigned integer at a constant place.
    pub(crate) slot: Option<Slot>,
}

/// The meaning of the first range that holds `value`.
pub(crate) fn in_ranges<M>(ranges: &[(i128, i128, M)], value: i128) -> Option<&M> {
    ranges
        .iter()
        .find(|(first, last, _)| (*first..=*last).contains(&value))
        .map(|(_, _, meaning)| meaning)
}
