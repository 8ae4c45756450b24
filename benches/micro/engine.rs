//! A whole engine turn: 64 clients with 1 and with 16 requests each, answered within the turn.
//! Scan, admit, route, balance, pending table, emit and the way back are all in it; `parts`, `codecs` and
//! `route` have them one by one.
#![expect(
    clippy::expect_used,
    reason = "a benchmark without its mesh has nothing to say"
)]

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use weft_benches::{Mesh, Protocol};

const CLIENTS: u32 = 64;

fn turns(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("turn");
    for protocol in Protocol::ALL {
        for in_flight in [1, 16] {
            group.throughput(Throughput::Elements(u64::from(CLIENTS * in_flight)));
            let name = BenchmarkId::new(protocol.name(), format!("{CLIENTS}x{in_flight}"));
            let mut mesh = Mesh::new(protocol, CLIENTS, in_flight).expect("the mesh starts");
            group.bench_function(name, |bencher| bencher.iter(|| mesh.turn()));
        }
    }
    group.finish();
}

criterion_group!(benches, turns);
criterion_main!(benches);
