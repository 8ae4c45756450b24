//! The mesh's own frames that depend on the request: which of them each request gets.

use weft_codec::Side;
use weft_ron::Step;

use super::Checker;
use super::replies::Making;
use super::shape::Shape;
use crate::program::{Cases, Condition, Echo, Status, Template};
use crate::raw::{EffectWord, Protocol, Reply, Rule};

/// A line of `errors` or `farewells`.
struct Line<'r> {
    when: Condition,
    reply: &'r Reply,
    /// Where the reply stands in the description.
    whole: Vec<Step<'static>>,
}

impl Checker<'_> {
    /// What errors are told with: one for all requests, or by what a request is.
    pub(super) fn errors(
        &mut self,
        (raw, shape): (&Protocol, &Shape),
        status: Option<&Status>,
        echoes: &mut Vec<Echo>,
    ) -> Cases {
        let written = [Step::Field("replies"), Step::Field("errors")];
        let rules = &raw.replies.errors;
        if raw.replies.error.is_some() && !rules.is_empty() {
            self.refuse(
                &written,
                "both `error` and `errors`",
                "make `error` its Otherwise",
            );
        }
        if rules
            .last()
            .is_some_and(|last| matches!(last, Rule::When(..)))
        {
            self.refuse(
                &written,
                "a request that none of these lines takes would get no answer",
                "end with Otherwise(…)",
            );
        }
        let one = raw.replies.error.iter().map(|reply| {
            let whole = vec![Step::Field("replies"), Step::Field("error")];
            Line {
                when: Condition::ALWAYS,
                reply,
                whole,
            }
        });
        let mut cases: Vec<_> = one.collect();
        cases.extend(self.lines(shape, rules, "errors"));
        self.cases((raw, shape), ("error", cases), status, echoes)
    }

    /// What is said last to a client, by the request that opened its tunnel.
    pub(super) fn farewells(
        &mut self,
        (raw, shape): (&Protocol, &Shape),
        status: Option<&Status>,
        echoes: &mut Vec<Echo>,
    ) -> Cases {
        let rules = &raw.replies.farewells;
        let mut effects = raw.connection.iter().map(Rule::word);
        if !rules.is_empty() && !effects.any(|effect| effect == EffectWord::Tunnel) {
            self.refuse(
                &[Step::Field("replies"), Step::Field("farewells")],
                "a farewell is said to clients with a tunnel, and no request opens one",
                "say which does: connection: [When({ … }, Tunnel)], or write go_away",
            );
        }
        let lines = self.lines(shape, rules, "farewells");
        self.cases((raw, shape), ("farewell", lines), status, echoes)
    }

    /// The lines of `errors` or `farewells`: when, what, and where it stands.
    fn lines<'r>(
        &mut self,
        shape: &Shape,
        rules: &'r [Rule<Reply>],
        word: &'static str,
    ) -> Vec<Line<'r>> {
        let mut lines: Vec<Line<'r>> = Vec::new();
        for (index, rule) in rules.iter().enumerate() {
            let line = [
                Step::Field("replies"),
                Step::Field(word),
                Step::Index(index),
            ];
            if lines.last().is_some_and(|line| line.when.is_always()) {
                self.refuse(
                    &line,
                    "an Otherwise before it takes every request",
                    "move Otherwise to the end",
                );
            }
            let part = |part| [&line[..], &[Step::Index(part)]].concat();
            let (when, reply, whole) = match rule {
                Rule::When(when, reply) => (self.condition(shape, when, &part(0)), reply, part(1)),
                Rule::Otherwise(reply) => (Condition::ALWAYS, reply, part(0)),
            };
            lines.push(Line { when, reply, whole });
        }
        lines
    }

    /// Replies of which a request gets the first whose condition holds.
    fn cases(
        &mut self,
        (raw, shape): (&Protocol, &Shape),
        (word, lines): (&'static str, Vec<Line<'_>>),
        status: Option<&Status>,
        echoes: &mut Vec<Echo>,
    ) -> Cases {
        let mut cases = Cases::default();
        for Line { when, reply, whole } in lines {
            let making = Making {
                raw,
                shape,
                reply,
                word,
                whole,
                status,
            };
            if let Some(sources) = self.reply(&making, echoes) {
                let side = Some(Side::Upstream);
                cases.list.push((when, Template { side, sources }));
            }
        }
        cases
    }
}
