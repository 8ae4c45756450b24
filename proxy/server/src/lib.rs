//! weft-proxy: the shell around the pure engine.
//!
//! It owns everything that the engine must not know: the configuration file, sockets, threads,
//! the clock, the admin endpoint and the metric sinks. It knows no protocol: bytes go to the
//! engine as they came, and what the engine wants written is written as it is.
//!
//! [`run`] is the whole process; [`Server`] is a proxy inside another program, for instance a
//! test. Modules stand in the order in which a start, then a request meets them.

pub mod builtin;
mod openings;
pub mod config;

mod run;
pub use run::run;

mod server;
pub use server::{BoundAddress, ReloadReport, Server, StartError};

mod homes;
mod listen;
mod reconcile;

mod worker;
pub use worker::{ShellCounters, WorkerView};

mod side;

mod view;
pub use view::{ServiceTotal, View};

mod metrics;

mod admin;
mod statsd;
