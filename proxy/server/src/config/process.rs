//! What concerns the whole process: workers, metrics, its end, sockets.

use std::num::NonZeroUsize;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::place::{Findings, Place};
use super::written::{Written, show_duration};
use super::{Drain, SocketOptions, Statsd, Workers, addresses, raw};

/// More threads than any machine that this was tried on; each costs its own lanes.
const WORKERS_MAX: u64 = 1_024;

pub(super) fn workers(
    found: &mut Findings<'_>,
    place: &Place<'_>,
    raw: Option<&Written>,
) -> Workers {
    match raw {
        None => Workers::Auto,
        Some(Written::Word) => {
            let word = found.word(place);
            if word != "Auto" {
                found.unknown(place, "number of workers", word, ["Auto"]);
            }
            Workers::Auto
        }
        written => {
            let mut count = 1usize;
            found.count(place, written, 1..=WORKERS_MAX, &mut count);
            NonZeroUsize::new(count).map_or(Workers::Auto, Workers::Count)
        }
    }
}

pub(super) fn statsd(
    found: &mut Findings<'_>,
    place: &Place<'_>,
    raw: &raw::Statsd,
) -> Option<Statsd> {
    let mut interval = Duration::from_secs(10);
    found.duration(
        &place.field("interval"),
        raw.interval.as_ref(),
        millis(100, 3_600_000),
        &mut interval,
    );
    let prefix = raw.prefix.clone().unwrap_or_else(|| "weft".to_owned());
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if prefix.is_empty() || !prefix.chars().all(plain) {
        found.refuse(
            &place.field("prefix"),
            format!("`{prefix}` cannot begin the name of a metric"),
            "use letters, digits, dots, dashes and underscores",
        );
    }
    let Some(address) = &raw.address else {
        found.missing(place, "address", "\"127.0.0.1:8125\"");
        return None;
    };
    let address = addresses::internet(found, &place.field("address"), address)?;
    Some(Statsd {
        address,
        prefix,
        interval,
    })
}

pub(super) fn drain(found: &mut Findings<'_>, place: &Place<'_>, raw: &raw::Drain) -> Drain {
    let mut drain = Drain::default();
    found.duration(
        &place.field("grace"),
        raw.grace.as_ref(),
        millis(0, 3_600_000),
        &mut drain.grace,
    );
    found.duration(
        &place.field("hard_stop"),
        raw.hard_stop.as_ref(),
        millis(0, 7_200_000),
        &mut drain.hard_stop,
    );
    found.ordered(
        place,
        ("grace", drain.grace),
        ("hard_stop", drain.hard_stop),
        show_duration,
    );
    drain
}

pub(super) fn sockets(
    found: &mut Findings<'_>,
    place: &Place<'_>,
    raw: &raw::Sockets,
) -> SocketOptions {
    let mut options = SocketOptions::default();
    let durations = [
        (
            "client_user_timeout",
            &raw.client_user_timeout,
            millis(1_000, 3_600_000),
            &mut options.client_user_timeout,
        ),
        (
            "lane_user_timeout",
            &raw.lane_user_timeout,
            millis(100, 3_600_000),
            &mut options.lane_user_timeout,
        ),
        (
            "keepalive_idle",
            &raw.keepalive_idle,
            millis(1_000, 32_767_000),
            &mut options.keepalive_idle,
        ),
        (
            "keepalive_interval",
            &raw.keepalive_interval,
            millis(1_000, 32_767_000),
            &mut options.keepalive_interval,
        ),
    ];
    for (name, written, range, into) in durations {
        found.duration(&place.field(name), written.as_ref(), range, into);
    }
    found.count(
        &place.field("keepalive_probes"),
        raw.keepalive_probes.as_ref(),
        1..=127,
        &mut options.keepalive_probes,
    );
    found.count(
        &place.field("backlog"),
        raw.backlog.as_ref(),
        1..=65_535,
        &mut options.backlog,
    );
    options
}

const fn millis(from: u64, to: u64) -> RangeInclusive<Duration> {
    Duration::from_millis(from)..=Duration::from_millis(to)
}
