//! The rules that concern one listener, in order, with their service and policy resolved.

use std::collections::HashMap;
use std::sync::Arc;

use weft_model::{Policy, Route, Service};

use crate::decide::{KeySlots, MethodIndex};

/// The rules that concern one listener; the first that matches decides.
///
/// Compiled once per change of the configuration, never written after. Memory is linear in the
/// rules; routes and policies are shared.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RouteTable {
    pub(crate) rules: Vec<Rule>,
    /// Routes of other listeners, each before the rule of this index; only to be explained.
    pub(crate) elsewhere: Vec<(usize, Arc<Route>)>,
    /// Every key that a rule asks for, once.
    pub(crate) key_slots: KeySlots,
    /// Present where enough rules name one method exactly.
    pub(crate) methods: Option<MethodIndex>,
}

/// One rule with its names resolved.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// The route as it was configured.
    pub route: Arc<Route>,
    /// Index of the target service in the list that the table was compiled against.
    pub service: usize,
    /// The route's policy, or the service's.
    pub policy: Arc<Policy>,
    /// For each key condition of the route, the slot of its key.
    pub(crate) keys: Vec<usize>,
}

/// A rule that can never take an exchange, because one before it takes all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shadow {
    /// Index of the rule that is never reached.
    pub rule: usize,
    /// Index of the rule that takes its exchanges.
    pub by: usize,
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
        let mut targets = Targets::new(services);
        let mut table = Self::default();
        for route in routes {
            if let Some(condition) = &route.when.listener
                && !condition.matches(listener.as_bytes())
            {
                table.elsewhere.push((table.rules.len(), Arc::clone(route)));
                continue;
            }
            let (service, service_policy) =
                targets
                    .find(&route.to.service)
                    .ok_or_else(|| CompileError::UnknownService {
                        route: route.name.clone(),
                        service: route.to.service.clone(),
                    })?;
            let keys = &route.when.keys;
            table.rules.push(Rule {
                route: Arc::clone(route),
                service,
                policy: route
                    .policy
                    .as_ref()
                    .map_or(service_policy, |policy| Arc::new(policy.clone())),
                keys: keys
                    .iter()
                    .map(|key| table.key_slots.slot(&key.name))
                    .collect(),
            });
        }
        table.methods = MethodIndex::build(&table.rules);
        Ok(table)
    }

    /// The rules in order.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The rules that can never take an exchange, in order. Looks at pairs of rules only: a rule
    /// whose exchanges are taken by several others together is not found.
    #[must_use]
    pub fn shadows(&self) -> Vec<Shadow> {
        let shadow = |(rule, later): (usize, &Rule)| {
            self.rules
                .iter()
                .take(rule)
                .position(|earlier| earlier.route.when.covers(&later.route.when))
                .map(|by| Shadow { rule, by })
        };
        self.rules.iter().enumerate().filter_map(shadow).collect()
    }
}

/// The services by name; rules without a policy of their own share their service's.
struct Targets<'a> {
    by_name: HashMap<&'a str, (usize, &'a Policy)>,
    policies: HashMap<usize, Arc<Policy>>,
}

impl<'a> Targets<'a> {
    fn new(services: &'a [Service]) -> Self {
        let mut by_name = HashMap::with_capacity(services.len());
        for (index, service) in services.iter().enumerate() {
            by_name
                .entry(service.name.as_str())
                .or_insert((index, &service.policy));
        }
        Self {
            by_name,
            policies: HashMap::new(),
        }
    }

    fn find(&mut self, name: &str) -> Option<(usize, Arc<Policy>)> {
        let (index, policy) = *self.by_name.get(name)?;
        let policy = self
            .policies
            .entry(index)
            .or_insert_with(|| Arc::new(policy.clone()));
        Some((index, Arc::clone(policy)))
    }
}
