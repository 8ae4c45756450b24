//! Protocols written as one RON file.
//!
//! A description lists the fields of a frame in wire order and says what the mesh should make of
//! them. [`Layout::compile`] takes it through three forms:
//!
//! 1. `raw`: the text as plain serde types; unknown words are refused while reading;
//! 2. `check`: every mistake becomes a complaint with line, column, reason and mend;
//! 3. `program`: flat tables over byte offsets. Running one takes no recursion, no allocation
//!    per frame, and no walk that the frame's own bytes do not bound.
//!
//! A [`Layout`] is a [`weft_codec::Codec`] like any other; it knows no socket, clock or engine.
//!
//! Strings and maps of a frame are walked only when a rule, a policy or a reply asks for them. A
//! frame whose extent, kind and id are good but whose texts overrun it is therefore passed on,
//! with the overrun field absent, and judged by the server it is for.
#![cfg_attr(
    not(test),
    warn(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        clippy::arithmetic_side_effects
    )
)]

mod checksum;
mod id;
mod number;
mod pattern;
mod raw;
mod stop;

mod check;
mod program;

mod layout;

mod group;
mod read;
mod plain;
mod walk;

mod head;
mod scan;

mod ask;
mod copy;
mod mend;
mod quiet;
mod parts;
mod speak;
mod tail;
mod write;

pub use layout::Layout;
pub use weft_ron::Complaint;
