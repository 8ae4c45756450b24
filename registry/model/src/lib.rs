//! The nouns of Weft's configuration after they have been checked: services, instances, routes
//! and policies, with durations, non-zero limits and resolved names.
//!
//! Knows no codec, no socket and no file format.

mod pattern;
pub use pattern::{PatternError, Patterns, TextMatch};

mod policy;
pub use policy::{Balancing, LanePolicy, Policy, QueuePolicy, RetryPolicy};

mod service;
pub use service::{Instance, InstanceAddress, Labels, OrderChoice, Service};

mod route;
pub use route::{KeyMatch, Match, Route, Target};
