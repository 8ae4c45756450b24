//! The simulator: engines in a virtual network, clock and processor, and an oracle that knows
//! what must never happen. `docs/simulation.md` says how to replay a seed and add a scenario.
//!
//! Modules stand in the order in which a reader needs them.

mod codec;
mod described;
mod dialects;
mod message;

mod network;
mod stream;

mod backend;
mod client;
mod proxy;

mod bounds;
mod oracle;
mod plan;
mod seeds;
mod world;

mod scenarios;
