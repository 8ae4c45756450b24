//! The summary keeps its promises and breaks them where it must.

use super::*;

fn methods() -> Vec<Method> {
    ["echo", "get_item", "charge"]
        .map(|name| Method {
            name: name.to_owned(),
            weight: 1,
        })
        .into()
}

fn tally(answers: [u64; 3]) -> Tally {
    let mut tally = Tally::new(3).unwrap();
    for (name, count) in ["b1", "b2", "b3"].iter().zip(answers) {
        if count > 0 {
            tally.count_backend(name.as_bytes(), count);
        }
    }
    for index in 0..3 {
        tally.method(index).sent = 100;
        tally.method(index).ok = 100;
    }
    tally
}

/// Shares as a good demo shows them, but for one phase.
fn shares(but: Option<(Phase, [u64; 3])>) -> Shares {
    let mut shares = Shares::new(["b1", "b2", "b3"].map(str::to_owned).into());
    for (phase, good) in [
        (Phase::Calm, [33, 33, 34]),
        (Phase::Killed, [50, 0, 50]),
        (Phase::Returned, [33, 33, 34]),
        (Phase::Slowed, [48, 48, 4]),
    ] {
        let answers = but.filter(|(p, _)| *p == phase).map_or(good, |(_, a)| a);
        shares.add(phase, &tally(answers));
    }
    shares
}

fn broken(tally: &Tally, shares: &Shares) -> Vec<String> {
    let methods = methods();
    let evidence = Evidence {
        tally,
        methods: &methods,
        shares,
    };
    let findings = [judge_answers(&evidence), judge_traffic(&evidence)].concat();
    findings
        .into_iter()
        .filter(|finding| !finding.kept)
        .map(|finding| finding.words)
        .collect()
}

#[test]
fn a_good_demo_keeps_every_promise() {
    assert_eq!(
        broken(&tally([1, 1, 1]), &shares(None)),
        Vec::<String>::new()
    );
}

#[test]
fn one_failed_idempotent_request_breaks_the_promise_and_a_failed_charge_does_not() {
    let mut charged = tally([1, 1, 1]);
    charged.method(2).ok = 99;
    charged.method(2).proxy_errors = 1;
    assert!(broken(&charged, &shares(None)).is_empty());
    charged.method(1).ok = 99;
    let words = broken(&charged, &shares(None));
    assert_eq!(words, ["1 of 200 idempotent requests failed"]);
}

#[test]
fn a_failed_charge_is_told() {
    let mut charged = tally([1, 1, 1]);
    charged.method(2).proxy_errors = 1;
    let methods = methods();
    let told = tell_others(&Evidence {
        tally: &charged,
        methods: &methods,
        shares: &shares(None),
    });
    assert!(told[0].starts_with("1 of 100 charge requests failed"));
}

#[test]
fn a_wrong_answer_even_to_a_charge_breaks_the_promise() {
    let mut wrong = tally([1, 1, 1]);
    wrong.method(2).wrong = 1;
    assert_eq!(broken(&wrong, &shares(None)).len(), 1);
    let mut stray = tally([1, 1, 1]);
    stray.unknown = 1;
    assert_eq!(broken(&stray, &shares(None)).len(), 1);
}

#[test]
fn traffic_that_does_not_move_as_promised_breaks_the_promise() {
    for (phase, answers, words) in [
        (Phase::Calm, [90, 5, 5], "all backends shared"),
        (Phase::Killed, [50, 1, 49], "while it was dead"),
        (Phase::Returned, [50, 0, 50], "after its return"),
        (Phase::Slowed, [33, 33, 34], "once it was slow"),
    ] {
        let broken = broken(&tally([1, 1, 1]), &shares(Some((phase, answers))));
        assert_eq!(broken.len(), 1, "{broken:?}");
        assert!(broken[0].contains(words), "{broken:?}");
    }
}

#[test]
fn a_phase_without_answers_keeps_no_promise() {
    let silent = shares(Some((Phase::Slowed, [0, 0, 0])));
    let broken = broken(&tally([1, 1, 1]), &silent);
    assert!(broken[0].contains("nothing known"), "{broken:?}");
}
