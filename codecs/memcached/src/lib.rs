//! memcached's binary protocol behind Weft: one key, one operation, one answer, and the quiet
//! operations that answer only on a hit or an error.
//!
//! It reads the header of 24 bytes and the key; never the value. Quiet operations go upstream as
//! their loud twins, so that every exchange ends, and their answers are silenced again on the way
//! back. `protocols/memcached/spec.md` has the layouts, the operations and what was decided about
//! each. It knows no socket, no instance and no other codec.
//!
//! Modules stand in the order in which a frame meets them.
#![warn(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::arithmetic_side_effects
)]

mod codec;
pub use codec::Memcached;

mod frame;

mod operation;

mod fields;

mod emit;

mod say;

mod parts;
