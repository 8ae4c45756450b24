//! Deciding a route: the first of many rules, the last, and none, over a request's own frame.
#![expect(
    clippy::expect_used,
    reason = "a benchmark without its table has nothing to say"
)]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use weft_benches::{Frames, Protocol};
use weft_codec::{Limits, ScanState, Side};
use weft_model::{Labels, Match, Policy, Route, Service, Target, TextMatch};
use weft_route::{RequestFields, RouteTable};

/// A table of `rules`, each for another method; the one at `echo` is for the request's own.
fn table(rules: usize, echo: Option<usize>) -> RouteTable {
    let service = Service {
        name: "backends".into(),
        protocol: "thrift".into(),
        instances: Vec::new(),
        policy: Policy::default(),
    };
    let routes: Vec<Arc<Route>> = (0..rules)
        .map(|number| {
            let method = if echo == Some(number) {
                "echo".to_owned()
            } else {
                format!("method{number}")
            };
            Arc::new(Route {
                name: format!("route{number}"),
                when: Match {
                    method: Some(TextMatch::Exact(method)),
                    ..Match::default()
                },
                to: Target {
                    service: service.name.clone(),
                    subset: Labels::new(),
                },
                policy: None,
            })
        })
        .collect();
    RouteTable::compile("front", &routes, &[service]).expect("every route leads somewhere")
}

fn decide(criterion: &mut Criterion) {
    let frames = Frames::of(Protocol::Thrift).expect("the codec is built in");
    let frame = frames.request(1);
    let mut heads = Vec::new();
    let limits = Limits::default();
    frames
        .codec
        .scan(
            Side::Downstream,
            &limits,
            &mut ScanState::default(),
            &frame,
            &mut heads,
        )
        .expect("the frame is whole");
    let head = heads.first().expect("one frame has one head");
    let mut group = criterion.benchmark_group("decide");
    for rules in [1, 10, 1_000] {
        for (name, echo) in [
            ("first", Some(0)),
            ("last", Some(rules - 1)),
            ("none", None),
        ] {
            let table = table(rules, echo);
            let request = RequestFields {
                codec: &*frames.codec,
                head,
                frame: &frame,
            };
            assert_eq!(table.decide(&request), echo);
            group.bench_function(BenchmarkId::new(name, rules), |bencher| {
                bencher.iter(|| table.decide(black_box(&request)));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, decide);
criterion_main!(benches);
