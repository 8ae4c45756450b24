//! Scan and emit of each codec, per frame: 64 requests in one buffer, a lane's id put in, and the
//! caller's put back.
#![expect(
    clippy::expect_used,
    reason = "a benchmark without its frames has nothing to say"
)]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use weft_benches::{Frames, Protocol};
use weft_codec::{Asked, Head, Limits, NewId, Rewrite, ScanState, Side};

const FRAMES: u32 = 64;

fn scan(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("scan");
    for protocol in Protocol::ALL {
        let frames = Frames::of(protocol).expect("the protocol compiles");
        let bytes: Vec<u8> = (0..FRAMES).flat_map(|id| frames.request(id)).collect();
        let limits = Limits::default();
        let mut heads = Vec::new();
        group.throughput(Throughput::Elements(u64::from(FRAMES)));
        group.bench_function(BenchmarkId::from_parameter(protocol.name()), |bencher| {
            bencher.iter(|| {
                heads.clear();
                let mut state = ScanState::default();
                let bytes = black_box(&bytes);
                frames
                    .codec
                    .scan(Side::Downstream, &limits, &mut state, bytes, &mut heads)
            });
        });
        assert_eq!(heads.len(), FRAMES as usize, "{}", protocol.name());
    }
    group.finish();
}

fn first_head(frames: &Frames, frame: &[u8]) -> Head {
    let mut heads = Vec::new();
    frames
        .codec
        .scan(
            Side::Downstream,
            &Limits::default(),
            &mut ScanState::default(),
            frame,
            &mut heads,
        )
        .expect("the frame is whole");
    *heads.first().expect("one frame has one head")
}

fn emit(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("emit");
    group.throughput(Throughput::Elements(1));
    for protocol in Protocol::ALL {
        let frames = Frames::of(protocol).expect("the protocol compiles");
        let frame = frames.request(7);
        let head = first_head(&frames, &frame);
        let mut asked = Asked::default();
        frames.codec.remember(&head, &frame, &mut asked);
        let wire = frames.codec.traits().ids.as_ref().map(|ids| ids.wire_first);
        let ids = [
            ("wire id", wire.map_or(NewId::Keep, NewId::Wire)),
            ("callers id", NewId::Callers(&asked)),
        ];
        for (name, id) in ids {
            let rewrite = Rewrite {
                id,
                ..Rewrite::NOTHING
            };
            let mut out = Vec::with_capacity(1 << 10);
            let name = BenchmarkId::new(protocol.name(), name);
            group.bench_function(name, |bencher| {
                bencher.iter(|| {
                    out.clear();
                    let side = Side::Downstream;
                    let frame = black_box(&frame);
                    frames.codec.emit(side, &head, frame, &rewrite, &mut out)
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, scan, emit);
criterion_main!(benches);
