//! Bounds and times of an engine, and of the frames that it reads.

use std::ops::RangeInclusive;
use std::time::Duration;

use weft_codec::Limits;
use weft_engine::Settings;

use super::place::{Findings, Place};
use super::raw;
use super::written::{show_duration, show_size};

/// Bounds of frames: what is written replaces what `limits` says.
pub(super) fn frames(
    found: &mut Findings<'_>,
    place: &Place<'_>,
    raw: Option<&raw::Frames>,
    mut limits: Limits,
) -> Limits {
    let Some(raw) = raw else { return limits };
    let sizes = [
        (
            "frame_bytes_max",
            &raw.frame_bytes_max,
            64..=(1 << 30),
            &mut limits.frame_bytes_max,
        ),
        (
            "head_bytes_max",
            &raw.head_bytes_max,
            64..=(16 << 20),
            &mut limits.head_bytes_max,
        ),
        (
            "cut_through_bytes",
            &raw.cut_through_bytes,
            1_024..=(1 << 30),
            &mut limits.cut_through_bytes,
        ),
    ];
    for (name, written, range, into) in sizes {
        found.size(&place.field(name), written.as_ref(), range, into);
    }
    found.ordered(
        place,
        ("head_bytes_max", limits.head_bytes_max),
        ("frame_bytes_max", limits.frame_bytes_max),
        |bytes| show_size(bytes.into()),
    );
    limits
}

pub(super) fn limits(found: &mut Findings<'_>, place: &Place<'_>, raw: &raw::Limits) -> Settings {
    let mut settings = Settings::default();
    counts(found, place, raw, &mut settings);
    sizes(found, place, raw, &mut settings);
    times(found, place, raw, &mut settings);
    if let Some(access_records) = raw.access_records {
        settings.access_records = access_records;
    }
    found.ordered(
        place,
        ("reconnect_min", settings.reconnect_min),
        ("reconnect_max", settings.reconnect_max),
        show_duration,
    );
    for (name, bytes) in [
        (
            "client_outbox_pause_bytes",
            settings.client_outbox_pause_bytes,
        ),
        (
            "ordered_outbox_pause_bytes",
            settings.ordered_outbox_pause_bytes,
        ),
    ] {
        found.ordered(
            place,
            (name, bytes),
            ("answer_bytes_max", settings.answer_bytes_max),
            |bytes| show_size(u64::try_from(bytes).unwrap_or(u64::MAX)),
        );
    }
    settings
}

fn counts(found: &mut Findings<'_>, place: &Place<'_>, raw: &raw::Limits, settings: &mut Settings) {
    found.count(
        &place.field("clients_max"),
        raw.clients_max.as_ref(),
        1..=10_000_000,
        &mut settings.clients_max,
    );
    found.count(
        &place.field("exchanges_max"),
        raw.exchanges_max.as_ref(),
        1..=10_000_000,
        &mut settings.exchanges_max,
    );
    found.count(
        &place.field("client_in_flight_max"),
        raw.client_in_flight_max.as_ref(),
        1..=1_000_000,
        &mut settings.client_in_flight_max,
    );
    found.count(
        &place.field("unknown_answers_max"),
        raw.unknown_answers_max.as_ref(),
        1..=1_000_000,
        &mut settings.unknown_answers_max,
    );
}

fn sizes(found: &mut Findings<'_>, place: &Place<'_>, raw: &raw::Limits, settings: &mut Settings) {
    const CONNECTION: RangeInclusive<u64> = 1_024..=(1 << 30);
    const PROCESS: RangeInclusive<u64> = 65_536..=(1 << 40);
    let sizes = [
        (
            "client_outbox_pause_bytes",
            &raw.client_outbox_pause_bytes,
            CONNECTION,
            &mut settings.client_outbox_pause_bytes,
        ),
        (
            "ordered_outbox_pause_bytes",
            &raw.ordered_outbox_pause_bytes,
            CONNECTION,
            &mut settings.ordered_outbox_pause_bytes,
        ),
        (
            "answer_bytes_max",
            &raw.answer_bytes_max,
            PROCESS,
            &mut settings.answer_bytes_max,
        ),
        (
            "lane_outbox_pause_bytes",
            &raw.lane_outbox_pause_bytes,
            CONNECTION,
            &mut settings.lane_outbox_pause_bytes,
        ),
        (
            "stream_spill_bytes",
            &raw.stream_spill_bytes,
            CONNECTION,
            &mut settings.stream_spill_bytes,
        ),
        (
            "kept_bytes_max",
            &raw.kept_bytes_max,
            PROCESS,
            &mut settings.kept_bytes_max,
        ),
    ];
    for (name, written, range, into) in sizes {
        found.size(&place.field(name), written.as_ref(), range, into);
    }
}

fn times(found: &mut Findings<'_>, place: &Place<'_>, raw: &raw::Limits, settings: &mut Settings) {
    let times = [
        (
            "stream_stall",
            &raw.stream_stall,
            millis(1, 60_000),
            &mut settings.stream_stall,
        ),
        (
            "head_timeout",
            &raw.head_timeout,
            millis(10, 600_000),
            &mut settings.head_timeout,
        ),
        (
            "frame_stall_timeout",
            &raw.frame_stall_timeout,
            millis(10, 600_000),
            &mut settings.frame_stall_timeout,
        ),
        (
            "tombstone_grace",
            &raw.tombstone_grace,
            millis(10, 600_000),
            &mut settings.tombstone_grace,
        ),
        (
            "one_way_linger",
            &raw.one_way_linger,
            millis(10, 600_000),
            &mut settings.one_way_linger,
        ),
        (
            "reconnect_min",
            &raw.reconnect_min,
            millis(1, 60_000),
            &mut settings.reconnect_min,
        ),
        (
            "reconnect_max",
            &raw.reconnect_max,
            millis(1, 600_000),
            &mut settings.reconnect_max,
        ),
    ];
    for (name, written, range, into) in times {
        found.duration(&place.field(name), written.as_ref(), range, into);
    }
    found.duration_or_never(
        &place.field("client_idle_timeout"),
        raw.client_idle_timeout.as_ref(),
        millis(100, 86_400_000),
        &mut settings.client_idle_timeout,
    );
}

const fn millis(from: u64, to: u64) -> RangeInclusive<Duration> {
    Duration::from_millis(from)..=Duration::from_millis(to)
}
