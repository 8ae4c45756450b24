//! Dubbo 2 behind Weft: its 16-byte header, and of hessian bodies what routing wants: path,
//! version, method and the attachments at the end.
//!
//! `protocols/dubbo/spec.md` has the layout and its sources. The codec knows no socket, no route
//! and no other codec.
//!
//! Modules stand in the order in which a frame meets them.
#![warn(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::arithmetic_side_effects
)]

mod codec;
pub use codec::Dubbo;

mod frame;

mod header;

mod invocation;

mod fields;

mod asked;

mod emit;

mod say;

mod parts;
