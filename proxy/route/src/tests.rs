//! Tables against a naive evaluation, and how often they ask a codec.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use weft_codec::{Field, Value};
use weft_model::{KeyMatch, Match, Policy, Route, Service, Target, TextMatch};

use crate::{Fields, Finding, RouteTable, Shadow};

/// A request as a few texts; counts how often it is asked.
#[derive(Clone, Debug, Default)]
struct Request {
    service: Option<String>,
    method: Option<String>,
    /// Given as a number, as codecs do with opcodes.
    opcode: Option<u64>,
    keys: BTreeMap<String, String>,
    asked: Cell<u32>,
}

impl Fields for Request {
    fn field(&self, field: Field<'_>) -> Option<Value<'_>> {
        self.asked.set(self.asked.get() + 1);
        let text = match field {
            Field::Service => self.service.as_ref(),
            Field::Method => {
                if let Some(opcode) = self.opcode {
                    return Some(Value::Number(opcode));
                }
                self.method.as_ref()
            }
            Field::Key(name) => self.keys.get(name),
            _ => None,
        };
        text.map(|text| Value::Bytes(text.as_bytes().into()))
    }
}

fn service(name: &str) -> Service {
    Service {
        name: name.into(),
        protocol: "acme".into(),
        instances: Vec::new(),
        policy: Policy::default(),
    }
}

fn route(name: &str, when: Match) -> Arc<Route> {
    Arc::new(Route {
        name: name.into(),
        when,
        to: Target {
            service: "s".into(),
            subset: BTreeMap::new(),
        },
        policy: None,
    })
}

fn method(pattern: &str) -> Match {
    Match {
        method: Some(pattern.parse().unwrap()),
        ..Match::default()
    }
}

fn table(whens: Vec<Match>) -> RouteTable {
    let routes: Vec<_> = whens
        .into_iter()
        .enumerate()
        .map(|(n, when)| route(&format!("r{n}"), when))
        .collect();
    RouteTable::compile("in", &routes, &[service("s")]).unwrap()
}

/// The meaning of a match, written a second time and without any care for speed.
fn naive(whens: &[Match], request: &Request) -> Option<usize> {
    let text = |field| request.field(field).map(|value| value.to_bytes().to_vec());
    let holds = |pattern: &Option<TextMatch>, value: Option<Vec<u8>>| match (pattern, value) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(TextMatch::Any), Some(_)) => true,
        (Some(TextMatch::Exact(t)), Some(value)) => value == t.as_bytes(),
        (Some(TextMatch::Prefix(t)), Some(value)) => value.starts_with(t.as_bytes()),
        (Some(TextMatch::Suffix(t)), Some(value)) => value.ends_with(t.as_bytes()),
    };
    whens.iter().position(|when| {
        holds(&when.listener, Some(b"in".to_vec()))
            && holds(&when.service, text(Field::Service))
            && holds(&when.method, text(Field::Method))
            && when
                .keys
                .iter()
                .all(|key| holds(&Some(key.value.clone()), text(Field::Key(&key.name))))
    })
}

/// Few and short texts, so that patterns and requests meet.
fn text() -> impl Strategy<Value = String> {
    "[ab1]{1,2}"
}

fn pattern() -> impl Strategy<Value = TextMatch> {
    prop_oneof![
        1 => Just(TextMatch::Any),
        6 => text().prop_map(TextMatch::Exact),
        2 => text().prop_map(TextMatch::Prefix),
        2 => text().prop_map(TextMatch::Suffix),
    ]
}

prop_compose! {
    fn condition()(
        listener in proptest::option::weighted(0.2, prop_oneof![
            Just(TextMatch::Exact("in".into())),
            Just(TextMatch::Exact("out".into())),
        ]),
        service in proptest::option::weighted(0.3, pattern()),
        method in proptest::option::weighted(0.8, pattern()),
        keys in proptest::collection::vec(("[xy]", pattern()), 0..2),
    ) -> Match {
        let keys = keys.into_iter().map(|(name, value)| KeyMatch { name, value }).collect();
        Match { listener, service, method, keys }
    }
}

prop_compose! {
    fn request()(
        service in proptest::option::of(text()),
        method in proptest::option::of(text()),
        opcode in proptest::option::weighted(0.2, 0u64..20),
        keys in proptest::collection::btree_map("[xy]", text(), 0..3),
    ) -> Request {
        Request { service, method, opcode, keys, asked: Cell::new(0) }
    }
}

proptest! {
    #[test]
    fn a_table_decides_as_a_naive_evaluation_does(
        whens in proptest::collection::vec(condition(), 0..24),
        request in request(),
    ) {
        let table = table(whens.clone());
        let decided = table.decide(&request).map(|index| table.rules()[index].route.name.clone());
        prop_assert_eq!(decided, naive(&whens, &request).map(|n| format!("r{n}")));
    }

    #[test]
    fn an_explanation_has_a_step_for_every_route_and_takes_what_is_decided(
        whens in proptest::collection::vec(condition(), 0..24),
        request in request(),
    ) {
        let table = table(whens.clone());
        let steps = table.explain(&request);
        prop_assert_eq!(steps.len(), whens.len());
        for (n, step) in steps.iter().enumerate() {
            prop_assert_eq!(&step.route.name, &format!("r{n}"));
        }
        let takes = steps.iter().position(|step| step.finding == Finding::Takes);
        prop_assert_eq!(takes, naive(&whens, &request));
    }

    #[test]
    fn a_shadowed_rule_never_decides(
        whens in proptest::collection::vec(condition(), 0..24),
        request in request(),
    ) {
        let table = table(whens);
        let decided = table.decide(&request);
        for shadow in table.shadows() {
            prop_assert_ne!(decided, Some(shadow.rule));
        }
    }

    #[test]
    fn no_field_is_read_twice(
        whens in proptest::collection::vec(condition(), 0..24),
        request in request(),
    ) {
        let table = table(whens);
        let _ = table.decide(&request);
        // A service, a method and two keys are all that there is to ask.
        prop_assert!(request.asked.get() <= 4, "asked {} times", request.asked.get());
    }
}

#[test]
fn a_table_whose_first_rule_has_no_condition_reads_no_field() {
    let table = table(vec![Match::default(), method("get")]);
    let request = Request::default();
    assert_eq!(table.decide(&request), Some(0));
    assert_eq!(request.asked.get(), 0);
}

#[test]
fn many_exact_methods_keep_the_order_of_rules_around_them() {
    let mut whens: Vec<Match> = (0..20).map(|n| method(&format!("m{n}"))).collect();
    whens.insert(5, method("m1*"));
    let table = table(whens);
    let decide = |name: &str| {
        table.decide(&Request {
            method: Some(name.into()),
            ..Request::default()
        })
    };
    assert!(table.methods.is_some());
    assert_eq!(decide("m1"), Some(1));
    assert_eq!(decide("m17"), Some(5));
    assert_eq!(decide("m9"), Some(10));
    assert_eq!(decide("x"), None);
}

#[test]
fn a_number_is_matched_by_its_decimal_digits() {
    let table = table(vec![method("18446744073709551615"), method("0")]);
    let decide = |opcode| {
        table.decide(&Request {
            opcode: Some(opcode),
            ..Request::default()
        })
    };
    assert_eq!(decide(u64::MAX), Some(0));
    assert_eq!(decide(0), Some(1));
    assert_eq!(decide(10), None);
}

#[test]
fn rules_of_a_service_share_its_policy() {
    let table = table(vec![method("a"), method("b")]);
    assert!(Arc::ptr_eq(
        &table.rules()[0].policy,
        &table.rules()[1].policy
    ));
}

#[test]
fn a_route_to_nowhere_is_named() {
    let routes = [route("lost", Match::default())];
    let error = RouteTable::compile("in", &routes, &[service("other")]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "route `lost` leads to service `s`, which is not defined"
    );
}

#[test]
fn a_rule_behind_one_that_takes_everything_is_shadowed() {
    let table = table(vec![method("get*"), method("getUser"), Match::default()]);
    assert_eq!(table.shadows(), [Shadow { rule: 1, by: 0 }]);
}

#[test]
fn an_explanation_says_what_was_found_and_what_was_wanted() {
    let when = Match {
        keys: vec![KeyMatch {
            name: "meta.env".into(),
            value: TextMatch::Exact("staging".into()),
        }],
        ..method("get*")
    };
    let table = table(vec![when, Match::default()]);
    let request = Request {
        method: Some("put".into()),
        ..Request::default()
    };
    let said: Vec<String> = table
        .explain(&request)
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        said,
        [
            "route `r0`: no: method is `put`, not `get*`; it has no meta.env, and `staging` is asked",
            "route `r1`: yes: to service `s`",
        ]
    );
}
