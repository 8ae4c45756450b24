//! Two parts of a turn by themselves: choosing an instance, and finding whose answer it is.
#![expect(
    clippy::expect_used,
    reason = "a benchmark without its state has nothing to say"
)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use weft_benches::{Frames, Protocol, state};
use weft_codec::{IdDomain, IdKind, Limits, ScanState, Side};
use weft_engine::micro::{Awaited, choose};
use weft_engine::{Engine, Settings};
use weft_model::Balancing;
use weft_route::RequestFields;

/// Virtual time between two choices.
const BETWEEN: Duration = Duration::from_micros(10);

/// Choices per policy, over 2, 16 and 256 instances that are all well.
fn balance(criterion: &mut Criterion) {
    let frames = Frames::of(Protocol::Redis).expect("the codec is built in");
    let frame = frames.request(1);
    let mut heads = Vec::new();
    let mut scan = ScanState::default();
    frames
        .codec
        .scan(
            Side::Downstream,
            &Limits::default(),
            &mut scan,
            &frame,
            &mut heads,
        )
        .expect("the frame is whole");
    let request = RequestFields {
        codec: &*frames.codec,
        head: heads.first().expect("one frame has one head"),
        frame: &frame,
    };
    let mut group = criterion.benchmark_group("balance");
    for (name, balancing) in [
        ("peak-ewma", Balancing::PeakEwma),
        ("round-robin", Balancing::RoundRobin),
        ("ring-hash", Balancing::RingHash(Some("key".into()))),
    ] {
        for instances in [2, 16, 256] {
            let state = state(&frames, instances, balancing.clone()).expect("it has a route");
            let mut engine = Engine::new(Arc::new(state), Settings::default(), 1);
            assert!(choose(&mut engine, &request, BETWEEN), "{name}");
            group.bench_function(BenchmarkId::new(name, instances), |bencher| {
                bencher.iter(|| choose(&mut engine, black_box(&request), BETWEEN));
            });
        }
    }
    group.finish();
}

/// Requests in flight of a lane, all pushed and then all answered: by ids of two widths, the last
/// first, and in order.
fn pending(criterion: &mut Criterion) {
    let domain = |last| IdDomain {
        kind: IdKind::Integer(4),
        wire_first: 1,
        wire_last: last,
    };
    let mut group = criterion.benchmark_group("pending");
    for depth in [1_u32, 16, 128] {
        group.throughput(Throughput::Elements(u64::from(depth)));
        for (name, mut awaited) in [
            (
                "32-bit-ids",
                Awaited::by_id(domain(u64::from(u32::MAX)), depth),
            ),
            ("8-bit-ids", Awaited::by_id(domain(255), depth)),
            ("in-order", Awaited::in_order()),
        ] {
            let mut ids = Vec::with_capacity(depth as usize);
            group.bench_function(BenchmarkId::new(name, depth), |bencher| {
                bencher.iter(|| {
                    ids.extend((1..=u64::from(depth)).filter_map(|number| awaited.push(number)));
                    assert_eq!(ids.len(), depth as usize, "there is room");
                    while let Some(id) = ids.pop() {
                        assert!(awaited.take(black_box(id)));
                    }
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, balance, pending);
criterion_main!(benches);
