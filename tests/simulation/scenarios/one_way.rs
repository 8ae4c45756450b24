//! One-ways, answered and not: executed once, told once, and nobody gets their answers.

use weft_codec::OneWayAnswers;

use super::must;
use crate::client::ClientPlan;
use crate::codec::Choice;
use crate::oracle::Seen;
use crate::plan::Plan;
use crate::seeds::run;

#[test]
fn one_ways_are_sent_once_whether_servers_answer_them_or_not() {
    run(
        "one_ways_are_sent_once_whether_servers_answer_them_or_not",
        50,
        |seed| {
            let (mut choice, answered) = match seed % 5 {
                0 => (Choice::by_id(4), OneWayAnswers::Never),
                1 => (Choice::by_id(1), OneWayAnswers::Maybe),
                2 => (Choice::by_id(2), OneWayAnswers::Always),
                3 => (Choice::in_order(), OneWayAnswers::Never),
                _ => (Choice::in_order(), OneWayAnswers::Always),
            };
            choice.one_way = answered;
            let mut client = ClientPlan::new(choice, 60, 6);
            client.one_way_permille = 400;
            client.half_closes = seed.is_multiple_of(2);
            let mut plan = Plan::new(choice, 2).clients(4, &client);
            for backend in &mut plan.backends {
                backend.one_way_permille = match answered {
                    OneWayAnswers::Never => 0,
                    OneWayAnswers::Maybe => 500,
                    OneWayAnswers::Always => 1_000,
                };
            }
            // Where every one-way is answered in order it is no one-way to the client either,
            // and a proxy does not answer in the server's place.
            if seed % 10 >= 5 && seed % 5 != 4 {
                plan = plan.chained();
            }
            plan
        },
        |report| {
            let once = report
                .oracle
                .count(|r| r.one_way && r.executed.len() == 1 && r.seen == Some(Seen::Sent));
            let all = report.oracle.count(|r| r.one_way);
            must(once == all, || format!("{once} of {all} executed once"))?;
            for counters in &report.counters {
                must(counters.sent == all as u64, || {
                    format!("{all} one-ways: {counters:?}")
                })?;
                must(counters.unknown_answers == 0, || format!("{counters:?}"))?;
            }
            super::served(report, 240 - all)
        },
    );
}
