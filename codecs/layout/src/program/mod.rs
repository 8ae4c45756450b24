//! A checked description as flat tables over byte offsets.
//!
//! The parts of a frame whose length varies, and the places where it takes one of several ways,
//! are *strides*, in wire order. Every field stands a fixed number of bytes behind the end of some
//! stride, or behind the frame's beginning: its [`Place`]. Most protocols have extent, kind and id
//! before the first stride; those are read at constant offsets, with no walk at all.
//!
//! Strides only lead forward, so a walk over them ends after as many steps as there are strides;
//! what repeats inside one is bounded by the bytes that are there.

mod field;
mod glance;
mod meaning;
mod named;
mod slot;
mod stride;
mod template;

pub(crate) use field::{Ask, BodyAt, EntryKey, Format, IdSpot, QuickRead};
pub(crate) use field::{Field, Group, GroupExtent, IdField, Key, KeyOf, Keyed, Spot, What, Where};
pub(crate) use glance::Glance;
pub(crate) use meaning::in_ranges;
pub(crate) use meaning::{Condition, Deadline, Does, Kinds, Meaning, QuickStatus, Quiet};
pub(crate) use meaning::{Status, Test, Want};
pub(crate) use named::{Named, NamedEntry, Shows};
pub(crate) use slot::Slot;
pub(crate) use stride::{Base, Count, Entries, Extent, Magic, Piece, Place, Stride, Sum, Text};
pub(crate) use stride::{Length, Over, Plain, Quick, Repeat, Varying};
pub(crate) use template::{Cases, Echo, EntryPart, GroupPart, InsidePart};
pub(crate) use template::{Part, Source, Template};

use weft_codec::{Traits, Verdict};

use crate::number::Number;

/// The most strides that a description may compile to: it bounds every walk.
pub(crate) const STRIDES_MAX: usize = 128;

/// How deep sections and messages may stand in one another.
pub(crate) const NEST_MAX: usize = 8;

/// A compiled description.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) name: String,
    pub(crate) traits: Traits,
    /// Methods that may be sent again, as patterns of names.
    pub(crate) idempotent: Vec<String>,
    /// The parts of varying length, in wire order.
    pub(crate) strides: Vec<Stride>,
    /// The first of them, as far as they are passed without knowing what came before.
    pub(crate) plain: Vec<Plain>,
    /// What is read of a frame whose extent, kind and id stand at constant offsets, if nothing
    /// else must be looked at.
    pub(crate) quick: Option<Quick>,
    /// How most of those frames are seen with even less.
    pub(crate) glance: Option<Glance>,
    /// Constants, all before the first stride.
    pub(crate) magics: Vec<Magic>,
    /// Constants that stand elsewhere.
    pub(crate) late_magics: Vec<(Place, Box<[u8]>)>,
    /// The names of what a frame holds, in wire order, and of what its groups hold: for people.
    pub(crate) named: Vec<Named>,
    pub(crate) named_entries: Vec<NamedEntry>,
    /// Every named field.
    pub(crate) fields: Vec<Field>,
    /// Maps, TLVs and protobuf messages, in wire order.
    pub(crate) groups: Vec<Group>,
    /// Where a frame ends.
    pub(crate) extent: Extent,
    /// The fewest bytes that a frame can have.
    pub(crate) frame_bytes_min: u32,
    /// How many bytes must be there before a frame is looked at.
    pub(crate) first_look: usize,
    pub(crate) kinds: Kinds,
    /// More frames of the same answer follow.
    pub(crate) more: Option<Condition>,
    /// What requests do to their connection; the first that holds says it.
    pub(crate) effects: Vec<Does>,
    /// Operations that are sent as others, and whose answers are kept back.
    pub(crate) quiet: Vec<Quiet>,
    /// The id, if frames carry one.
    pub(crate) id: Option<IdField>,
    /// Where the body begins, on each way; with none a frame must be there whole.
    pub(crate) bodies: Vec<Place>,
    /// Fields of fixed length behind the body, each with the conditions under which it is there.
    pub(crate) trailers: Vec<(Vec<Condition>, u32)>,
    /// Every frame ends in the only checksum there is, which covers all before it.
    pub(crate) ends_in_sum: bool,
    /// Checksums, in wire order.
    pub(crate) sums: Vec<Sum>,
    pub(crate) service: Option<Ask>,
    pub(crate) method: Option<Ask>,
    pub(crate) keys: Vec<Key>,
    /// The fields whose values choose an instance, where the ring is asked for.
    pub(crate) hash_keys: Vec<Ask>,
    pub(crate) deadline: Option<Deadline>,
    pub(crate) status: Option<Status>,
    /// What answers mean by other fields; the first that holds says it.
    pub(crate) verdicts: Vec<(Condition, Verdict)>,
    /// What is remembered of a request beside its id, in this order.
    pub(crate) echoes: Vec<Echo>,
    /// The same, if it is runs that stand one behind the other: the place of the first, and the
    /// integers that count them.
    pub(crate) echoed_runs: Option<(Place, Box<[Number]>)>,
    /// A frame of the mesh's own, part by part; how each is filled a template says.
    pub(crate) parts: Vec<Part>,
    pub(crate) errors: Cases,
    /// What is said last to who opened a tunnel.
    pub(crate) farewells: Cases,
    pub(crate) ping: Option<Template>,
    pub(crate) pong: Option<Template>,
    pub(crate) go_away: Option<Template>,
    pub(crate) local: Option<Template>,
    pub(crate) cancel: Option<Template>,
}
