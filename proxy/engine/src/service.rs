//! A service as this engine runs it: its instances, the subsets that rules ask for, what waits
//! for an instance, and the budget of its retries.

use std::collections::VecDeque;
use std::sync::Arc;

use weft_codec::Codec;
use weft_hop::Outward;
use weft_model::{Labels, RetryPolicy};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::client::Facets;
use crate::engine::PoolName;
use crate::exchange::{Class, ExchangeKey};
use crate::guard::{Guarded, Panics};
use crate::instance::{InstanceKey, InstanceRun};
use crate::room::Room;
use crate::table::Table;
use crate::{Nanos, ServiceState};

/// Points of one instance of weight 1 on a hash ring; ketama's number.
const RING_POINTS: u32 = 160;
/// A ring has at most so many points, whatever the weights.
const RING_POINTS_MAX: u32 = 1 << 16;

fn hop_of(state: &ServiceState, panics: &Arc<Panics>) -> Option<Arc<Guarded>> {
    let outward = || -> Arc<dyn Codec> { Arc::new(Outward::new(Arc::clone(&state.codec))) };
    state.hop.then(|| Guarded::new(&outward(), panics))
}

/// A service.
#[derive(Debug)]
pub(crate) struct ServiceRun {
    pub(crate) state: Arc<ServiceState>,
    /// The service's codec, its panics caught.
    pub(crate) codec: Arc<Guarded>,
    /// What lanes to other proxies speak, if its instances are such.
    pub(crate) hop: Option<Arc<Guarded>>,
    /// The worker that alone serves it.
    pub(crate) home: Option<usize>,
    /// It is in the state no longer.
    pub(crate) gone: bool,
    /// Instances in the state's order.
    pub(crate) instances: Vec<InstanceKey>,
    /// A subset keeps its index as long as the engine lives.
    pub(crate) subsets: Vec<Subset>,
    /// Exchanges that wait for an instance, and until when.
    pub(crate) waiting: VecDeque<(Nanos, ExchangeKey)>,
    /// When the first of them has waited long enough: one timer serves all.
    pub(crate) waiting_alarm_at: Nanos,
    /// Where exchanges wait for an instance or a lane.
    pub(crate) room: Room,
    /// Instances that could not be connected and may be tried again.
    pub(crate) due: Vec<InstanceKey>,
    pub(crate) budget: RetryBudget,
}

/// The instances whose labels match.
#[derive(Debug)]
pub(crate) struct Subset {
    pub(crate) labels: Labels,
    pub(crate) members: Vec<InstanceKey>,
    /// Points of a hash ring, sorted; made when a rule first asks for it.
    pub(crate) ring: Option<Vec<(u64, InstanceKey)>>,
    /// Round robin's place.
    pub(crate) turn: u64,
    /// When an unpicked member next gets a probing pick.
    pub(crate) probe_at: Nanos,
}

impl ServiceRun {
    /// The codec of lanes for these facets: those of an outdated client name its own.
    pub(crate) fn codec_for(&self, facets: Option<&Facets>) -> Arc<Guarded> {
        let earlier = facets.and_then(|facets| facets.codec.as_ref());
        Arc::clone(earlier.unwrap_or(&self.codec))
    }

    /// The codec of a new lane: hop where its instances speak it and the lane is for what needs no
    /// connection of its own.
    pub(crate) fn codec_of_lane(&self, pool: &PoolName, bound: bool) -> (Arc<Guarded>, bool) {
        let shared = matches!(pool.class, Class::Shared | Class::Bulk | Class::Alone);
        match &self.hop {
            Some(hop) if shared && !bound && pool.facets.is_none() => (Arc::clone(hop), true),
            _ => (self.codec_for(pool.facets.as_deref()), false),
        }
    }

    /// Takes the codecs of the state in force.
    pub(crate) fn take_codec(&mut self, panics: &Arc<Panics>) {
        self.codec = Guarded::new(&self.state.codec, panics);
        self.hop = hop_of(&self.state, panics);
    }

    pub(crate) fn new(state: Arc<ServiceState>, room: Room, panics: &Arc<Panics>) -> Self {
        Self {
            codec: Guarded::new(&state.codec, panics),
            hop: hop_of(&state, panics),
            state,
            home: None,
            gone: false,
            instances: Vec::new(),
            subsets: Vec::new(),
            waiting: VecDeque::new(),
            waiting_alarm_at: Nanos::NEVER,
            room,
            due: Vec::new(),
            budget: RetryBudget::default(),
        }
    }

    /// The index of the subset with these labels.
    pub(crate) fn subset(&mut self, labels: &Labels, instances: &Table<InstanceRun>) -> usize {
        if let Some(index) = self
            .subsets
            .iter()
            .position(|subset| subset.labels == *labels)
        {
            return index;
        }
        let mut subset = Subset {
            labels: labels.clone(),
            members: Vec::new(),
            ring: None,
            turn: 0,
            probe_at: Nanos(0),
        };
        subset.fill(&self.instances, instances);
        self.subsets.push(subset);
        self.subsets.len() - 1
    }

    /// Fills all subsets again after instances changed.
    pub(crate) fn refill(&mut self, instances: &Table<InstanceRun>) {
        for subset in &mut self.subsets {
            subset.fill(&self.instances, instances);
        }
    }
}

impl Subset {
    fn fill(&mut self, all: &[InstanceKey], instances: &Table<InstanceRun>) {
        self.ring = None;
        self.members.clear();
        self.members.extend(all.iter().copied().filter(|key| {
            instances.get(*key).is_some_and(|run| {
                run.is_wanted()
                    && self
                        .labels
                        .iter()
                        .all(|(k, v)| run.instance.labels.get(k) == Some(v))
            })
        }));
    }

    /// The ring, made if need be. A point depends on an instance's id alone, so that every
    /// proxy has the same ring and a change of one instance moves only its share.
    pub(crate) fn ring(&mut self, instances: &Table<InstanceRun>) -> &[(u64, InstanceKey)] {
        let Self { ring, members, .. } = self;
        ring.get_or_insert_with(|| {
            let weight = |key: &InstanceKey| {
                instances
                    .get(*key)
                    .map_or(1, |run| run.instance.weight.max(1))
            };
            let total: u32 = members.iter().map(weight).sum();
            let per_weight = (RING_POINTS_MAX / total.max(1)).clamp(1, RING_POINTS);
            let mut points = Vec::new();
            for key in members.iter() {
                let Some(run) = instances.get(*key) else {
                    continue;
                };
                for n in 0..per_weight * weight(key) {
                    points.push((hash(run.instance.id.as_bytes(), u64::from(n) + 1), *key));
                }
            }
            points.sort_by_key(|(point, _)| *point);
            points
        })
    }
}

/// The hash of keys and ring points: XXH3, the same on every machine and version.
pub(crate) fn hash(bytes: &[u8], seed: u64) -> u64 {
    xxh3_64_with_seed(bytes, seed)
}

/// Retries may be a share of requests, over a sliding window in ten slots (Finagle's
/// `RetryBudget`; charged before the backoff, see envoy#30205).
#[derive(Debug, Default)]
pub(crate) struct RetryBudget {
    slots: [(u64, u32, u32); 10],
}

impl RetryBudget {
    fn slot(&mut self, now: Nanos, policy: &RetryPolicy) -> &mut (u64, u32, u32) {
        let width = (policy.budget_window.as_nanos() as u64 / 10).max(1);
        let turn = now.0 / width;
        let slot = &mut self.slots[(turn % 10) as usize];
        if slot.0 != turn {
            *slot = (turn, 0, 0);
        }
        slot
    }

    #[inline]
    pub(crate) fn request(&mut self, now: Nanos, policy: &RetryPolicy) {
        self.slot(now, policy).1 += 1;
    }

    /// Whether another retry is permitted; if so it is charged.
    pub(crate) fn charge(&mut self, now: Nanos, policy: &RetryPolicy) -> bool {
        let turn = self.slot(now, policy).0;
        let (requests, retries) = self
            .slots
            .iter()
            .filter(|slot| slot.0 + 10 > turn)
            .fold((0u64, 0u64), |sum, slot| {
                (sum.0 + u64::from(slot.1), sum.1 + u64::from(slot.2))
            });
        let floor = f64::from(policy.budget_floor_per_second) * policy.budget_window.as_secs_f64();
        if (retries as f64) < requests as f64 * policy.budget_ratio + floor {
            self.slot(now, policy).2 += 1;
            return true;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn retries_stay_within_their_share_and_floor() {
        let policy = RetryPolicy::default();
        let mut budget = RetryBudget::default();
        let now = Nanos(1_000_000_000_000);
        for _ in 0..1_000 {
            budget.request(now, &policy);
        }
        let granted = (0..1_000).filter(|_| budget.charge(now, &policy)).count();
        assert_eq!(granted, 300, "20 % of 1,000 and 10 per second over 10 s");
        let later = now.after(Duration::from_secs(11));
        let granted = (0..1_000).filter(|_| budget.charge(later, &policy)).count();
        assert_eq!(granted, 100, "the floor alone once the window has passed");
    }
}
