//! The rules that concern one listener, in order, with their service and policy resolved.

use std::sync::Arc;

use weft_codec::Field;
use weft_model::{Match, Policy, Route, Service, TextMatch};

use crate::Fields;

/// The rules that concern one listener; the first that matches decides.
#[derive(Clone, Debug, Default)]
pub struct RouteTable {
    rules: Vec<Rule>,
}

/// One rule with its names resolved.
#[derive(Clone, Debug)]
pub struct Rule {
    /// The route as it was configured.
    pub route: Arc<Route>,
    /// Index of the target service in the list that the table was compiled against.
    pub service: usize,
    /// The route's policy, or the service's.
    pub policy: Arc<Policy>,
}

/// Why a table could not be compiled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CompileError {
    /// A route leads to a service that does not exist.
    #[error("route `{route}` leads to service `{service}`, which is not defined")]
    UnknownService {
        /// The route.
        route: String,
        /// The service that it names.
        service: String,
    },
}

impl RouteTable {
    /// Takes from `routes`, in their order, those whose listener condition holds for `listener`.
    ///
    /// # Errors
    /// [`CompileError`] if one of them leads nowhere.
    pub fn compile(
        listener: &str,
        routes: &[Arc<Route>],
        services: &[Service],
    ) -> Result<Self, CompileError> {
        let mut rules = Vec::new();
        for route in routes {
            if let Some(condition) = &route.when.listener
                && !condition.matches(listener.as_bytes())
            {
                continue;
            }
            let Some(service) = services.iter().position(|s| s.name == route.to.service) else {
                return Err(CompileError::UnknownService {
                    route: route.name.clone(),
                    service: route.to.service.clone(),
                });
            };
            let policy = match (&route.policy, services.get(service)) {
                (Some(policy), _) => policy.clone(),
                (None, Some(service)) => service.policy.clone(),
                (None, None) => Policy::default(),
            };
            rules.push(Rule {
                route: Arc::clone(route),
                service,
                policy: Arc::new(policy),
            });
        }
        Ok(Self { rules })
    }

    /// The rules in order.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The index of the first rule that takes the request, or `None`.
    #[must_use]
    pub fn decide(&self, request: &impl Fields) -> Option<usize> {
        self.rules
            .iter()
            .position(|rule| holds(&rule.route.when, request))
    }
}

/// Whether every condition but the listener's holds.
fn holds(when: &Match, request: &impl Fields) -> bool {
    text_holds(when.service.as_ref(), Field::Service, request)
        && text_holds(when.method.as_ref(), Field::Method, request)
        && when
            .keys
            .iter()
            .all(|key| text_holds(Some(&key.value), Field::Key(&key.name), request))
}

fn text_holds(condition: Option<&TextMatch>, field: Field<'_>, request: &impl Fields) -> bool {
    condition.is_none_or(|condition| {
        request
            .field(field)
            .is_some_and(|value| condition.matches(&value.to_bytes()))
    })
}
