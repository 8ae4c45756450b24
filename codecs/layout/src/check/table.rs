//! Tables by the values of a field, and conditions: each line must be one that some value
//! reaches.

use weft_codec::Side;
use weft_ron::{Complaint, Step, locate_name};

use super::Checker;
use super::shape::{Holds, Shape};
use crate::pattern::Pattern;
use crate::program::{Condition, Test, Want, What};
use crate::raw::When;

/// The ranges of a table, in its order.
pub(super) type Ranges<M> = Vec<(Want, M)>;

impl Checker<'_> {
    /// The lines of a table over the values of `field`, whose line `index` stands at
    /// `path(index)`. Lines that no value reaches, or that two lines claim, are refused; `clash`
    /// says what two meanings of one value are.
    pub(super) fn ranges<'p, M: Clone + PartialEq>(
        &mut self,
        (shape, field): (&Shape, usize),
        lines: &[(Pattern, M)],
        path: impl Fn(usize) -> Vec<Step<'p>>,
        clash: &str,
    ) -> Ranges<M> {
        let mut ranges = Vec::new();
        for (index, (pattern, meaning)) in lines.iter().enumerate() {
            let earlier = lines.get(..index).unwrap_or_default();
            if earlier.iter().any(|(other, _)| *other == Pattern::Others) {
                self.refuse_line(
                    &path(index),
                    format!("`{pattern}` is never reached: `_` before it takes every value"),
                    "move `_` to the end",
                );
                continue;
            }
            let met = earlier.iter().find(|(other, _)| pattern.meets(other));
            match met {
                Some((other, theirs)) if theirs == meaning => self.refuse_line(
                    &path(index),
                    format!("`{pattern}` repeats values of `{other}`"),
                    "remove one of them",
                ),
                Some((other, _)) => self.refuse_line(
                    &path(index),
                    format!("`{pattern}` and `{other}` share values: {clash}"),
                    "give each value one meaning",
                ),
                None => {
                    let at = path(index);
                    if let Some(want) = self.wanted((shape, field), pattern, &at, true) {
                        ranges.push((want, meaning.clone()));
                    }
                }
            }
        }
        ranges
    }

    /// What a pattern wants of a field; a complaint stands where the value of `path` does.
    pub(super) fn want(
        &mut self,
        shape: &Shape,
        field: usize,
        pattern: &Pattern,
        path: &[Step<'_>],
    ) -> Want {
        self.wanted((shape, field), pattern, path, false)
            .unwrap_or(Want::Present)
    }

    /// What a pattern wants of a field, if some value of the field can be it. The complaint
    /// stands at the name of the last step with `by_name`, else at its value.
    fn wanted(
        &mut self,
        (shape, field): (&Shape, usize),
        pattern: &Pattern,
        path: &[Step<'_>],
        by_name: bool,
    ) -> Option<Want> {
        let mut refuse = |message: String, help: &str| {
            if by_name {
                self.refuse_line(path, message, help);
            } else {
                self.refuse(path, message, help);
            }
            None
        };
        match (pattern, shape.range(field)) {
            (Pattern::Others, _) => Some(Want::Present),
            (Pattern::Range(first, last), Some((low, high))) if *first >= low && *last <= high => {
                Some(Want::Range(*first, *last))
            }
            (Pattern::Range(..), Some((low, high))) => {
                let bytes = match shape.what(field) {
                    Some(What::Number(number)) if number.is_fixed() => {
                        format!("an integer of {} byte(s)", number.width)
                    }
                    Some(What::Bits(_, _, bits)) => format!("a field of {bits} bit(s)"),
                    _ => "an integer of this type".to_owned(),
                };
                let ends = match low {
                    0 => format!("ends at {high}"),
                    low => format!("goes from {low} to {high}"),
                };
                refuse(
                    format!("`{pattern}` is never reached: {bytes} {ends}"),
                    "correct the value, or widen the integer",
                )
            }
            (Pattern::Range(..), None) => refuse(
                format!("`{pattern}` is a number, but this field is a text"),
                "write a text in quotes",
            ),
            (Pattern::Text(_), Some(_)) => refuse(
                format!("`{pattern}` is a text, but this field is a number"),
                "write a number (`7`), a range (`1..=99`) or `_`",
            ),
            (Pattern::Text(text), None) => Some(Want::Text(text.as_bytes().into())),
        }
    }

    /// A condition on fields.
    pub(super) fn condition(&mut self, shape: &Shape, when: &When, path: &[Step<'_>]) -> Condition {
        let is_list = when.0.len() != 1;
        let mut lines = Vec::new();
        for (index, line) in when.0.iter().enumerate() {
            let mut tests = Vec::new();
            for (place, (name, pattern)) in line.0.iter().enumerate() {
                let mut at = path.to_vec();
                if is_list {
                    at.push(Step::Index(index));
                }
                at.push(Step::Index(place));
                if name == "from" && shape.slot(name).is_none() {
                    tests.extend(self.direction(pattern, &at));
                    continue;
                }
                let types = (
                    "an Int, Enum, field of Bits, Decimal, Str or Bytes",
                    Holds::is_readable as fn(Holds) -> bool,
                );
                let known = shape.slot(name).filter(|slot| slot.holds.is_readable());
                let field = match known.and_then(|slot| slot.field) {
                    Some(field) => Some(field),
                    None => self.field_by_name(shape, name, &at, types),
                };
                let Some(field) = field else { continue };
                let want = self.want(shape, field, pattern, &at);
                tests.push(Test { field, want });
            }
            lines.push(tests);
        }
        if lines.iter().any(Vec::is_empty) && self.complaints.is_empty() {
            self.refuse(
                path,
                "a condition that always holds",
                "name fields and what they must be: {\"field\": 1}",
            );
        }
        Condition { lines, not: false }
    }

    /// The test of who sent a frame.
    fn direction(&mut self, pattern: &Pattern, path: &[Step<'_>]) -> Option<Test> {
        let side = match pattern {
            Pattern::Text(text) if text == "client" => Side::Downstream,
            Pattern::Text(text) if text == "server" => Side::Upstream,
            _ => {
                self.refuse(
                    path,
                    format!("`{pattern}` sends no frames"),
                    "write \"client\" or \"server\"",
                );
                return None;
            }
        };
        Some(Test {
            field: 0,
            want: Want::From(side),
        })
    }

    /// Keeps a complaint about a line of a table: at its pattern, not at what it means.
    pub(super) fn refuse_line(&mut self, path: &[Step<'_>], message: String, help: &str) {
        let at = locate_name(self.text, path);
        self.complaints
            .push(Complaint::new(self.file, at, message).help(help));
    }
}
