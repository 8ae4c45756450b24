//! Rules that take an exchange to a service and a subset of its instances.

use crate::{Labels, Policy};

/// A rule. The first whose match holds takes the exchange.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// Its name, unique; shown by `explain`, in logs and metrics.
    pub name: String,
    /// What it asks of an exchange; everything that is set must hold.
    pub when: Match,
    /// Where it leads.
    pub to: Target,
    /// How its exchanges are treated; `None` is the service's policy.
    pub policy: Option<Policy>,
}

/// Conditions on an exchange; an absent one always holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Match {
    /// The listener's name.
    pub listener: Option<TextMatch>,
    /// The service that the request names.
    pub service: Option<TextMatch>,
    /// Its method.
    pub method: Option<TextMatch>,
    /// Its keys; all must hold.
    pub keys: Vec<KeyMatch>,
}

/// A condition on one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyMatch {
    /// One of the codec's keys.
    pub name: String,
    /// What its value must be; a request without the key does not match.
    pub value: TextMatch,
}

/// A pattern over text: exact, by prefix (`get*`), by suffix (`*Async`), or anything (`*`).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TextMatch {
    /// `*`: anything that is present.
    Any,
    /// The text itself.
    Exact(String),
    /// `text*`.
    Prefix(String),
    /// `*text`.
    Suffix(String),
}

impl TextMatch {
    /// Whether `text` matches; case counts.
    #[must_use]
    pub fn matches(&self, text: &[u8]) -> bool {
        match self {
            Self::Any => true,
            Self::Exact(exact) => text == exact.as_bytes(),
            Self::Prefix(prefix) => text.starts_with(prefix.as_bytes()),
            Self::Suffix(suffix) => text.ends_with(suffix.as_bytes()),
        }
    }
}

/// Where a route leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The name of a service.
    pub service: String,
    /// Labels that its instances must carry; empty takes all.
    pub subset: Labels,
}
