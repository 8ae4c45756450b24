//! Why a request takes the rule that it takes, and not the others: for operators, never on a
//! request's path.

use std::fmt;
use std::sync::Arc;

use weft_codec::Field;
use weft_model::{Route, TextMatch};

use crate::{Fields, RouteTable};

/// What one rule made of a request.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The rule's route.
    pub route: Arc<Route>,
    /// Whether it takes the request.
    pub finding: Finding,
}

/// Whether a rule takes a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// It belongs to other listeners.
    OtherListener,
    /// Conditions that do not hold, at least one.
    Misses(Vec<Miss>),
    /// It takes the request.
    Takes,
    /// Every condition holds, but a rule before it takes the request.
    TooLate,
}

/// A condition that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Miss {
    /// `service`, `method`, or a key's name.
    pub field: String,
    /// What the rule wants.
    pub wanted: TextMatch,
    /// What the request carries, as text; `None` if it does not carry the field.
    pub found: Option<String>,
}

impl RouteTable {
    /// What each rule makes of the request, in order, the routes of other listeners included.
    /// At most one step says [`Finding::Takes`]: the rule that `decide` finds.
    #[must_use]
    pub fn explain(&self, request: &impl Fields) -> Vec<Step> {
        let mut steps = Vec::with_capacity(self.rules.len() + self.elsewhere.len());
        let mut elsewhere = self.elsewhere.iter().peekable();
        let mut taken = false;
        for (index, rule) in self.rules.iter().enumerate() {
            while let Some((_, route)) = elsewhere.next_if(|(before, _)| *before <= index) {
                steps.push(other_listener(route));
            }
            let misses = misses(&rule.route, request);
            let finding = match (misses.is_empty(), taken) {
                (false, _) => Finding::Misses(misses),
                (true, true) => Finding::TooLate,
                (true, false) => {
                    taken = true;
                    Finding::Takes
                }
            };
            steps.push(Step {
                route: Arc::clone(&rule.route),
                finding,
            });
        }
        steps.extend(elsewhere.map(|(_, route)| other_listener(route)));
        steps
    }
}

fn other_listener(route: &Arc<Route>) -> Step {
    Step {
        route: Arc::clone(route),
        finding: Finding::OtherListener,
    }
}

/// Every condition of the route that does not hold, the listener's apart.
fn misses(route: &Route, request: &impl Fields) -> Vec<Miss> {
    let when = &route.when;
    let service = when
        .service
        .as_ref()
        .map(|p| (Field::Service, "service", p));
    let method = when.method.as_ref().map(|p| (Field::Method, "method", p));
    let keys = when
        .keys
        .iter()
        .map(|key| (Field::Key(&key.name), key.name.as_str(), &key.value));
    let conditions = service.into_iter().chain(method).chain(keys);
    conditions
        .filter_map(|(field, name, wanted)| {
            let found = request.field(field);
            let found = found.as_ref().map(weft_codec::Value::to_bytes);
            if found.as_ref().is_some_and(|text| wanted.matches(text)) {
                return None;
            }
            Some(Miss {
                field: name.to_owned(),
                wanted: wanted.clone(),
                found: found.map(|text| String::from_utf8_lossy(&text).into_owned()),
            })
        })
        .collect()
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "route `{}`: ", self.route.name)?;
        match &self.finding {
            Finding::OtherListener => f.write_str("no: it belongs to other listeners"),
            Finding::Takes => {
                write!(f, "yes: to service `{}`", self.route.to.service)?;
                for (n, (label, value)) in self.route.to.subset.iter().enumerate() {
                    let before = if n == 0 { ", instances with" } else { " and" };
                    write!(f, "{before} {label} = `{value}`")?;
                }
                Ok(())
            }
            Finding::TooLate => f.write_str("it matches too, but a route before it decides"),
            Finding::Misses(misses) => {
                f.write_str("no: ")?;
                for (n, miss) in misses.iter().enumerate() {
                    let before = if n == 0 { "" } else { "; " };
                    write!(f, "{before}{miss}")?;
                }
                Ok(())
            }
        }
    }
}

impl fmt::Display for Miss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.found {
            Some(found) => write!(f, "{} is `{found}`, not `{}`", self.field, self.wanted),
            None => write!(
                f,
                "it has no {}, and `{}` is asked",
                self.field, self.wanted
            ),
        }
    }
}
