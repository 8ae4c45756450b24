//! What the language can say, one small description for each thing: its frames pass the proof
//! kit, and its fields are what they are described as.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "the functions that tests share may fail as tests do"
)]

mod frames;

mod extents;
mod groups;
mod hash_keys;
mod cases;
mod ids;
mod inside;
mod lines;
mod lists;
mod numbers;
mod optional;
mod parts;
mod quiet;
mod said;
mod sums;
mod ways;
