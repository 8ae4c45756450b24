//! Quiet operations: what they are sent as, and which of their answers nobody wants.

use weft_codec::{Correlation, Order, Side};
use weft_ron::Step;

use super::Checker;
use super::meaning::Declared;
use super::shape::{Holds, Shape};
use crate::pattern::Pattern;
use crate::program::{Quiet, Test, Want, What};
use crate::raw::{EffectWord, Protocol, Rule};

/// The most fields that make an operation loud: each is noted of every request.
const FIELDS_MAX: usize = 4;

/// The most quiet operations: each request is looked at for all of them.
const OPERATIONS_MAX: usize = 64;

impl Checker<'_> {
    /// The quiet operations.
    pub(super) fn quiet(
        &mut self,
        raw: &Protocol,
        shape: &Shape,
        declared: &Declared,
    ) -> Vec<Quiet> {
        if raw.quiet.is_empty() {
            return Vec::new();
        }
        if declared.correlation != Correlation::ById || declared.order != Order::InOrder {
            self.refuse(
                &[Step::Field("quiet")],
                "a quiet operation is known to be done by the answer to a later one: servers must \
                 give ids, and clients want their answers in order",
                "say correlation: ById and order: InOrder",
            );
        }
        let own = raw.connection.iter().map(Rule::word);
        for (index, word) in own.enumerate() {
            if matches!(word, EffectWord::Pin | EffectWord::Session) {
                self.refuse(
                    &[Step::Field("connection"), Step::Index(index)],
                    "on a connection of the client's own a quiet operation stays quiet, and its \
                     answer would be waited for",
                    "say Tunnel, or leave out `quiet`",
                );
            }
        }
        if raw.quiet.len() > OPERATIONS_MAX {
            self.refuse(
                &[Step::Field("quiet")],
                format!("more than {OPERATIONS_MAX} quiet operations"),
                "give those that become loud by the same fields one line",
            );
        }
        let mut all = Vec::new();
        for (index, rule) in raw.quiet.iter().enumerate() {
            let line = [Step::Field("quiet"), Step::Index(index)];
            let path = |steps: &[Step<'static>]| [&line[..], steps].concat();
            let Rule::When(when, quiet) = rule else {
                self.refuse(
                    &line,
                    "not every operation is quiet",
                    "write When({ … }, (…)) for those that are",
                );
                continue;
            };
            let mut when = self.condition(shape, when, &path(&[Step::Index(0)]));
            for line in &mut when.lines {
                line.push(Test {
                    field: 0,
                    want: Want::From(Side::Downstream),
                });
            }
            let at = path(&[Step::Index(1), Step::Field("silent")]);
            let silent = self.condition(shape, &quiet.silent, &at);
            let at = path(&[Step::Index(1), Step::Field("loud")]);
            if !(1..=FIELDS_MAX).contains(&quiet.loud.0.len()) {
                self.refuse(
                    &at,
                    "nothing makes this operation loud, or too much",
                    format!("set 1 to {FIELDS_MAX} fields: loud: {{ \"opcode\": 0 }}"),
                );
            }
            let loud = quiet.loud.0.iter().filter_map(|(name, value)| {
                let at = path(&[Step::Index(1), Step::Field("loud")]);
                self.loud_field(shape, (name, value), &at)
            });
            let loud = loud.collect();
            all.push(Quiet { when, loud, silent });
        }
        all
    }

    /// A field that makes an operation loud, and its value then.
    fn loud_field(
        &mut self,
        shape: &Shape,
        (name, value): (&str, &Pattern),
        path: &[Step<'_>],
    ) -> Option<(usize, u64)> {
        let is_number = |holds: Holds| matches!(holds, Holds::Int | Holds::Bits);
        let path = [path, &[Step::Key(name)]].concat();
        let field = self.field_by_name(shape, name, &path, ("an Int or Bits", is_number))?;
        let fixed = match shape.what(field)? {
            What::Number(number) | What::Bits(number, ..) => number.is_fixed(),
            What::Text(_) | What::Decimal => false,
        };
        if !fixed || shape.is_keyed(field) {
            self.refuse(
                &path,
                format!("`{name}` cannot be changed: it stands in a group or the body, or its width varies"),
                "name an Int of fixed width of the frame itself",
            );
            return None;
        }
        let (low, high) = shape.range(field)?;
        let one = match value {
            Pattern::Range(first, last) if first == last && (low..=high).contains(first) => *first,
            value => {
                let help = format!("write a number from {low} to {high}");
                self.refuse(&path, format!("{value} does not fit `{name}`"), help);
                return None;
            }
        };
        let raw = u64::try_from(one & i128::from(u64::MAX)).ok()?;
        Some((field, raw))
    }
}
