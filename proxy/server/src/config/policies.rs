//! Policies: what is written replaces field by field what was in force before: the defaults,
//! then the file's policy, then the service's, then the route's.

use std::ops::RangeInclusive;
use std::time::Duration;

use weft_codec::Traits;
use weft_model::{Balancing, LanePolicy, Patterns, Policy, QueuePolicy, RetryPolicy, TextMatch};

use super::place::{Findings, Place};
use super::raw;
use super::written::show_duration;

const fn millis(from: u64, to: u64) -> RangeInclusive<Duration> {
    Duration::from_millis(from)..=Duration::from_millis(to)
}

/// Replaces what `raw` says in `policy`.
pub(super) fn apply(
    found: &mut Findings<'_>,
    place: &Place<'_>,
    raw: &raw::Policy,
    policy: &mut Policy,
) {
    found.duration(
        &place.field("timeout"),
        raw.timeout.as_ref(),
        millis(1, 3_600_000),
        &mut policy.timeout,
    );
    if let Some(patterns) = &raw.idempotent {
        policy.idempotent = idempotent(found, &place.field("idempotent"), patterns);
    }
    if let Some(balancing) = &raw.balancing {
        policy.balancing = match balancing {
            raw::Balancing::ProtocolDefault => Balancing::ProtocolDefault,
            raw::Balancing::PeakEwma => Balancing::PeakEwma,
            raw::Balancing::RoundRobin => Balancing::RoundRobin,
            raw::Balancing::RingHash => Balancing::RingHash(None),
            raw::Balancing::RingHashBy(key) => Balancing::RingHash(Some(key.clone())),
        };
    }
    if let Some(raw) = &raw.retry {
        retry(found, &place.field("retry"), raw, &mut policy.retry);
    }
    if let Some(raw) = &raw.lanes {
        lanes(found, &place.field("lanes"), raw, &mut policy.lanes);
    }
    if let Some(raw) = &raw.queue {
        queue(found, &place.field("queue"), raw, &mut policy.queue);
    }
}

/// Complains if the policy hashes by a key that the protocol does not give.
pub(super) fn balancing_key(
    found: &mut Findings<'_>,
    place: &Place<'_>,
    policy: &Policy,
    protocol: &str,
    traits: &Traits,
) {
    let Balancing::RingHash(Some(key)) = &policy.balancing else {
        return;
    };
    if key == "service" || key == "method" || traits.keys.contains(key) {
        return;
    }
    let mut words = vec!["service".to_owned(), "method".to_owned()];
    words.extend(key_words(traits));
    let complaint = found
        .at(
            place,
            format!("protocol `{protocol}` gives no key `{key}` to hash by"),
        )
        .expecting(key, words);
    found.complaints.push(complaint);
}

/// The keys of a protocol as they are shown: prefixes with what follows them.
pub(super) fn key_words(traits: &Traits) -> impl Iterator<Item = String> {
    let prefixes = traits.keys.prefixes.iter().map(|p| format!("{p}*"));
    traits.keys.fixed.iter().cloned().chain(prefixes)
}

fn idempotent(found: &mut Findings<'_>, place: &Place<'_>, patterns: &[String]) -> Patterns {
    let mut checked = Vec::with_capacity(patterns.len());
    for (n, pattern) in patterns.iter().enumerate() {
        match pattern.parse::<TextMatch>() {
            Ok(pattern) => checked.push(pattern),
            Err(error) => found.refuse(
                &place.index(n),
                format!("`{pattern}` is not a pattern"),
                error.to_string(),
            ),
        }
    }
    Patterns(checked)
}

fn retry(found: &mut Findings<'_>, place: &Place<'_>, raw: &raw::Retry, policy: &mut RetryPolicy) {
    found.count(
        &place.field("retries_max"),
        raw.retries_max.as_ref(),
        0..=10,
        &mut policy.retries_max,
    );
    found.duration(
        &place.field("backoff_base"),
        raw.backoff_base.as_ref(),
        millis(0, 60_000),
        &mut policy.backoff_base,
    );
    found.duration(
        &place.field("backoff_max"),
        raw.backoff_max.as_ref(),
        millis(0, 60_000),
        &mut policy.backoff_max,
    );
    found.share(
        &place.field("budget_ratio"),
        raw.budget_ratio.as_ref(),
        &mut policy.budget_ratio,
    );
    found.count(
        &place.field("budget_floor_per_second"),
        raw.budget_floor_per_second.as_ref(),
        0..=1_000_000,
        &mut policy.budget_floor_per_second,
    );
    found.duration(
        &place.field("budget_window"),
        raw.budget_window.as_ref(),
        millis(1_000, 300_000),
        &mut policy.budget_window,
    );
    found.size(
        &place.field("keep_bytes_max"),
        raw.keep_bytes_max.as_ref(),
        0..=(64 << 20),
        &mut policy.keep_bytes_max,
    );
    found.ordered(
        place,
        ("backoff_base", policy.backoff_base),
        ("backoff_max", policy.backoff_max),
        show_duration,
    );
}

fn lanes(found: &mut Findings<'_>, place: &Place<'_>, raw: &raw::Lanes, policy: &mut LanePolicy) {
    found.count(
        &place.field("depth"),
        raw.depth.as_ref(),
        1..=65_536,
        &mut policy.depth,
    );
    found.count(
        &place.field("lanes_max"),
        raw.lanes_max.as_ref(),
        1..=4_096,
        &mut policy.lanes_max,
    );
    found.duration(
        &place.field("connect_timeout"),
        raw.connect_timeout.as_ref(),
        millis(1, 60_000),
        &mut policy.connect_timeout,
    );
    found.duration(
        &place.field("idle"),
        raw.idle.as_ref(),
        millis(100, 86_400_000),
        &mut policy.idle,
    );
    found.duration_or_never(
        &place.field("lifetime"),
        raw.lifetime.as_ref(),
        millis(1_000, 30 * 86_400_000),
        &mut policy.lifetime,
    );
    found.duration_or_never(
        &place.field("ping_after"),
        raw.ping_after.as_ref(),
        millis(10, 3_600_000),
        &mut policy.ping_after,
    );
    found.duration(
        &place.field("ping_timeout"),
        raw.ping_timeout.as_ref(),
        millis(10, 60_000),
        &mut policy.ping_timeout,
    );
    found.duration_or_never(
        &place.field("ping_idle"),
        raw.ping_idle.as_ref(),
        millis(100, 86_400_000),
        &mut policy.ping_idle,
    );
}

fn queue(found: &mut Findings<'_>, place: &Place<'_>, raw: &raw::Queue, policy: &mut QueuePolicy) {
    found.count(
        &place.field("waiting_max"),
        raw.waiting_max.as_ref(),
        1..=1_000_000,
        &mut policy.waiting_max,
    );
    found.duration(
        &place.field("no_instance_wait"),
        raw.no_instance_wait.as_ref(),
        millis(0, 60_000),
        &mut policy.no_instance_wait,
    );
}
