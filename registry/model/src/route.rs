//! Rules that take an exchange to a service and a subset of its instances.

use crate::{Labels, Policy, TextMatch};

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

impl Match {
    /// Whether every exchange of one listener that `other` takes is taken by this match too.
    /// The listener condition is not looked at: it was decided when the table was compiled.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        covers(self.service.as_ref(), other.service.as_ref())
            && covers(self.method.as_ref(), other.method.as_ref())
            && self.keys.iter().all(|mine| {
                other
                    .keys
                    .iter()
                    .any(|theirs| theirs.name == mine.name && mine.value.covers(&theirs.value))
            })
    }
}

/// An absent condition holds where the request has no such field, so not even `*` covers it.
fn covers(mine: Option<&TextMatch>, theirs: Option<&TextMatch>) -> bool {
    match (mine, theirs) {
        (None, _) => true,
        (Some(mine), Some(theirs)) => mine.covers(theirs),
        (Some(_), None) => false,
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

#[cfg(test)]
mod tests {
    use super::{KeyMatch, Match};
    use crate::TextMatch;

    fn key(name: &str) -> Match {
        Match {
            keys: vec![KeyMatch {
                name: name.into(),
                value: TextMatch::Any,
            }],
            ..Match::default()
        }
    }

    #[test]
    fn no_condition_covers_everything_and_a_star_does_not_cover_an_absent_field() {
        let any_method = Match {
            method: Some(TextMatch::Any),
            ..Match::default()
        };
        assert!(Match::default().covers(&any_method));
        assert!(!any_method.covers(&Match::default()));
    }

    #[test]
    fn a_key_condition_covers_only_the_same_key() {
        assert!(key("a").covers(&key("a")));
        assert!(!key("a").covers(&key("b")));
        assert!(Match::default().covers(&key("a")));
    }
}
