//! Apache Thrift behind Weft: framed transport with strict binary or compact messages, and the
//! header transport (THeader) around either, detected for each frame.
//!
//! It reads the frame's length, the message's type, name and sequence id, and on the header
//! transport the info headers; never the arguments. `protocols/thrift/spec.md` has the layouts
//! and their sources. It knows no socket, no route and no other codec.
//!
//! Modules stand in the order in which a frame meets them.
#![warn(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::arithmetic_side_effects
)]

mod codec;
pub use codec::Thrift;

mod frame;

mod cursor;

mod message;

mod header;

mod zlib;

mod fields;

mod asked;

mod emit;

mod say;

mod parts;
