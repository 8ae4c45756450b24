//! The engine against peers that do what they should not: each test tells a story through the
//! public face, and was seen to fail before the engine was mended.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test without its mesh has nothing to say"
)]

mod codec;
mod harness;

mod bound;
mod hop;
mod limits;
mod liveness;
mod order;
mod panics;
mod reach;
mod slow;
mod sniff;
mod stream;
mod tails;
mod version;
