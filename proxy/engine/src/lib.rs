//! The mesh as a pure state machine: no sockets, no clock, no threads.
//!
//! A shell (the server, or the simulator) tells an [`Engine`] what happened (a connection came,
//! bytes came, bytes were written, time passed) and then does what the engine wants: it writes
//! outboxes ([`Engine::take_dirty`], [`Engine::outbox`]), performs [`Action`]s and arms one
//! timer ([`Engine::next_deadline`]). Time and randomness come in as arguments, so a run can be
//! replayed.
//!
//! Modules stand in the order in which a request meets them.

mod time;
pub use time::{Nanos, Now};

mod state;
pub use state::{Listener, ServiceState, Sniffing, State};

mod api;
pub use api::{Action, CloseCause, ConnId, ConnectFailure, Refused, Settings};

mod share;
pub use share::{Budgets, Share};

mod report;
pub use report::{
    AccessRecord, ClientView, Counters, InstanceView, LaneView, Outcome, ServiceView, Snapshot,
};

mod engine;
pub use engine::Engine;

// What the engine is made of.
mod buffer;
mod table;
mod wheel;

// A request's way to an instance …
mod listener;
mod client;
mod guard;
mod sniff;
mod intake;
mod hop;
mod exchange;
mod admit;
mod bound;
mod service;
mod room;
mod instance;
mod balance;
mod dispatch;
mod waiting;
mod lane;
mod pending;
mod place;
mod stream;
mod tails;
mod pressure;

// … and back.
mod answer;
mod outcome;

// The lives of lanes and clients, and what goes wrong.
mod lanes;
mod reach;
mod growth;
mod upkeep;
mod liveness;
mod departure;
mod loss;
mod reload;

// What is told of it.
mod latency;
mod snapshot;

// Its parts by themselves, for the benches.
#[cfg(feature = "micro")]
pub mod micro;
