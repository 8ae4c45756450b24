//! TARS behind Weft: request and response packets of version 1 and of TUP, as Tencent's TARS
//! speaks them over TCP.
//!
//! It reads a packet's length, its version, kind, id, servant and function, its time limit, and
//! the maps of context and status; never the arguments. `protocols/tars/spec.md` has the layouts
//! and their sources. It knows no socket, no route and no other codec.
//!
//! Modules stand in the order in which a frame meets them.
#![warn(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::arithmetic_side_effects
)]

mod codec;
pub use codec::Tars;

mod frame;

mod jce;

mod packet;

mod fields;

mod asked;

mod emit;

mod say;

mod parts;
