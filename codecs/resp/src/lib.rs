//! The codec of Redis: RESP2 and RESP3, pipelines, transactions, subscriptions.
//!
//! Requests are arrays of strings or inline lines, answers any RESP value; both carry no id
//! and are matched by order. What a command does to its connection, and where its keys stand,
//! is read from one table. Knows no socket, no instance and no other codec. What was decided
//! about single commands, and why, stands in `protocols/resp/spec.md`.
//!
//! Modules stand in the order in which a frame meets them.

#![warn(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::arithmetic_side_effects
)]

mod wire;

mod request;

mod inline;

mod answer;

mod notes;

mod command;

mod table;

mod words;

mod effect;

mod keys;

mod verdict;

mod local;

mod parts;

mod codec;
pub use codec::Resp;
