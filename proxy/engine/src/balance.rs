//! Choosing an instance: two random choices by peak-EWMA cost, round robin, or a hash ring.

use smallvec::SmallVec;
use weft_codec::Field;
use weft_model::Balancing;
use weft_route::{Fields, RequestFields};

use crate::instance::InstanceKey;
use crate::listener::RuleRun;
use crate::service::hash;
use crate::{Engine, Nanos};

/// An instance that nobody picked for so long gets one probing pick: its cost may be stale.
const PROBE_AFTER_NS: u64 = 5_000_000_000;

/// Which instance an exchange goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    Instance(InstanceKey),
    /// There may be one later.
    NoneNow,
    /// The keys of one request live on several instances.
    Split,
}

/// What the choice depends on besides the request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Choosing<'a> {
    pub(crate) rule: &'a RuleRun,
    /// Failed it before: taken only if there is no other.
    pub(crate) tried: &'a [InstanceKey],
    pub(crate) idempotent: bool,
}

impl Engine {
    /// Chooses an instance for a request.
    pub(crate) fn choose(&mut self, choosing: Choosing<'_>, request: &RequestFields<'_>) -> Choice {
        let rule = choosing.rule;
        if self
            .services
            .get(rule.service)
            .is_some_and(|service| !service.due.is_empty())
        {
            self.probe_due(rule.service);
        }
        let members = self
            .services
            .get(rule.service)
            .and_then(|s| s.subsets.get(rule.subset))
            .map(|s| &s.members);
        // The common small case needs no randomness.
        if let Some([only]) = members.map(Vec::as_slice) {
            return if self.is_available(*only) {
                self.pick(*only)
            } else {
                Choice::NoneNow
            };
        }
        let by_ring = match &rule.policy().balancing {
            Balancing::RingHash(key) => Some(key.as_deref()),
            _ if rule.by_own_keys => Some(None),
            _ => None,
        };
        // Requests without a key may go anywhere.
        if let Some(key) = by_ring
            && let Some(choice) = self.by_ring(choosing, request, key)
        {
            return choice;
        }
        if rule.policy().balancing == Balancing::RoundRobin {
            self.by_turn(choosing)
        } else {
            self.by_cost(choosing)
        }
    }

    pub(crate) fn is_available(&self, key: InstanceKey) -> bool {
        self.instances
            .get(key)
            .is_some_and(super::instance::InstanceRun::is_available)
    }

    fn pick(&mut self, key: InstanceKey) -> Choice {
        if let Some(run) = self.instances.get_mut(key) {
            run.last_pick = self.now.monotonic;
        }
        Choice::Instance(key)
    }

    /// Members that may be picked: available, and not tried before if there are such.
    fn candidates(&self, choosing: Choosing<'_>) -> SmallVec<[InstanceKey; 16]> {
        let members = self
            .services
            .get(choosing.rule.service)
            .and_then(|s| s.subsets.get(choosing.rule.subset))
            .map_or(&[][..], |subset| &subset.members);
        let available = members
            .iter()
            .copied()
            .filter(|key| self.is_available(*key));
        let fresh: SmallVec<[InstanceKey; 16]> = available
            .clone()
            .filter(|key| !choosing.tried.contains(key))
            .collect();
        if fresh.is_empty() {
            available.collect()
        } else {
            fresh
        }
    }

    fn by_cost(&mut self, choosing: Choosing<'_>) -> Choice {
        let now = self.now.monotonic;
        let (service, subset) = (choosing.rule.service, choosing.rule.subset);
        let Some(subset) = self
            .services
            .get_mut(service)
            .and_then(|s| s.subsets.get_mut(subset))
        else {
            return Choice::NoneNow;
        };
        let count = subset.members.len();
        if choosing.idempotent && now >= subset.probe_at {
            subset.probe_at = Nanos(now.0 + PROBE_AFTER_NS / count.max(1) as u64);
            let stale = self.candidates(choosing).into_iter().find(|key| {
                self.instances
                    .get(*key)
                    .is_some_and(|run| now.since(run.last_pick) > PROBE_AFTER_NS)
            });
            if let Some(stale) = stale {
                return self.pick(stale);
            }
        }
        if count >= 2 && choosing.tried.is_empty() {
            // Two distinct draws; usually both are available and nothing is collected.
            let first = self.rng.usize(0..count);
            let second = (first + self.rng.usize(1..count)) % count;
            let drawn = self.services.get(service).and_then(|s| {
                let members = &s.subsets.get(choosing.rule.subset)?.members;
                Some((*members.get(first)?, *members.get(second)?))
            });
            if let Some((first, second)) = drawn
                && let Some(one) = self.instances.get(first)
                && let Some(other) = self.instances.get(second)
                && one.is_available()
                && other.is_available()
            {
                let is_cheaper = other.cost(now) < one.cost(now);
                return self.pick(if is_cheaper { second } else { first });
            }
        }
        let candidates = self.candidates(choosing);
        match candidates.as_slice() {
            [] => Choice::NoneNow,
            [only] => self.pick(*only),
            several => {
                let first = self.rng.usize(0..several.len());
                let second = (first + self.rng.usize(1..several.len())) % several.len();
                let cheaper = self.cheaper(several[first], several[second]);
                self.pick(cheaper)
            }
        }
    }

    fn cheaper(&self, first: InstanceKey, second: InstanceKey) -> InstanceKey {
        let now = self.now.monotonic;
        let cost = |key: InstanceKey| {
            let run = self.instances.get(key);
            run.map_or(f64::MAX, |run| run.cost(now))
        };
        if cost(second) < cost(first) {
            second
        } else {
            first
        }
    }

    /// One after the other; an instance of weight 3 has three turns in a round.
    fn by_turn(&mut self, choosing: Choosing<'_>) -> Choice {
        let candidates = self.candidates(choosing);
        let weight = |engine: &Self, key: InstanceKey| {
            engine
                .instances
                .get(key)
                .map_or(1, |run| u64::from(run.instance.weight.max(1)))
        };
        let round: u64 = candidates.iter().map(|key| weight(self, *key)).sum();
        let (service, subset) = (choosing.rule.service, choosing.rule.subset);
        let Some(subset) = self
            .services
            .get_mut(service)
            .and_then(|s| s.subsets.get_mut(subset))
        else {
            return Choice::NoneNow;
        };
        let mut turn = subset.turn % round.max(1);
        subset.turn = subset.turn.wrapping_add(1);
        for key in candidates {
            let weight = weight(self, key);
            if turn < weight {
                return self.pick(key);
            }
            turn -= weight;
        }
        Choice::NoneNow
    }

    /// By the request's hash key; `None` if it has no key.
    fn by_ring(
        &mut self,
        choosing: Choosing<'_>,
        request: &RequestFields<'_>,
        key: Option<&str>,
    ) -> Option<Choice> {
        let field = match key {
            None => return self.by_hash_keys(choosing, request),
            Some("service") => Field::Service,
            Some("method") => Field::Method,
            Some(name) => Field::Key(name),
        };
        let value = request.field(field)?;
        Some(match self.owner(choosing, &value.to_bytes()) {
            Some(owner) => self.pick(owner),
            None => Choice::NoneNow,
        })
    }

    /// By the protocol's own keys, which must all live on one instance.
    fn by_hash_keys(
        &mut self,
        choosing: Choosing<'_>,
        request: &RequestFields<'_>,
    ) -> Option<Choice> {
        let mut choice: Option<Choice> = None;
        request
            .codec
            .hash_keys(request.head, request.frame, &mut |key| {
                let owner = self
                    .owner(choosing, key)
                    .map_or(Choice::NoneNow, Choice::Instance);
                let same = choice.is_none_or(|choice| choice == owner);
                choice = Some(if same { owner } else { Choice::Split });
                same && owner != Choice::NoneNow
            });
        if let Some(Choice::Instance(owner)) = choice {
            return Some(self.pick(owner));
        }
        choice
    }

    /// Whether a request of a client with a lane of its own belongs to that lane's instance:
    /// a session cannot be moved to where its next key lives.
    pub(crate) fn is_at_home(
        &mut self,
        rule: &RuleRun,
        instance: InstanceKey,
        request: &RequestFields<'_>,
    ) -> bool {
        let several = self
            .services
            .get(rule.service)
            .and_then(|service| service.subsets.get(rule.subset))
            .is_some_and(|subset| subset.members.len() > 1);
        if !several || !rule.by_own_keys {
            return true;
        }
        let choosing = Choosing {
            rule,
            tried: &[],
            idempotent: false,
        };
        match self.by_hash_keys(choosing, request) {
            Some(Choice::Instance(owner)) => owner == instance,
            Some(Choice::Split) => false,
            Some(Choice::NoneNow) | None => true,
        }
    }

    /// The first available member on the ring at or after the value's hash.
    fn owner(&mut self, choosing: Choosing<'_>, value: &[u8]) -> Option<InstanceKey> {
        let at = hash(value, 0);
        let (service, subset) = (choosing.rule.service, choosing.rule.subset);
        let subset = self.services.get_mut(service)?.subsets.get_mut(subset)?;
        let ring = subset.ring(&self.instances);
        let start = ring.partition_point(|(point, _)| *point < at);
        let (before, after) = ring.split_at_checked(start)?;
        let clockwise = after.iter().chain(before).map(|(_, key)| *key);
        let available = |key: &InstanceKey| {
            self.instances
                .get(*key)
                .is_some_and(super::instance::InstanceRun::is_available)
        };
        clockwise
            .clone()
            .find(|key| available(key) && !choosing.tried.contains(key))
            .or_else(|| clockwise.clone().find(available))
    }
}
