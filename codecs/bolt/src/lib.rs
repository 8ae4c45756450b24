//! SOFABolt behind Weft: both versions of its header, its header map, and of hessian bodies what
//! routing wants: method, service and request properties.
//!
//! `protocols/bolt/spec.md` has the layouts and their sources. The codec knows no socket, no route
//! and no other codec.
//!
//! Modules stand in the order in which a frame meets them.
#![warn(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::arithmetic_side_effects
)]

mod codec;
pub use codec::Bolt;

mod frame;

mod layout;

mod names;

mod fields;

mod asked;

mod emit;

mod say;

mod parts;
