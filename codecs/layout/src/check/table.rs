//! Tables by the values of an integer: each line must be one that some value reaches.

use weft_ron::{Complaint, Step, locate_name};

use super::Checker;
use crate::number::Number;
use crate::pattern::Pattern;

/// The ranges of a table, in its order.
pub(super) type Ranges<M> = Vec<(u64, u64, M)>;

impl Checker<'_> {
    /// The ranges of a table over the values of `number`, whose line `index` stands at
    /// `path(index)`. Lines that no value reaches, or that two lines claim, are refused; `clash`
    /// says what two meanings of one value are.
    pub(super) fn ranges<'p, M: Copy + PartialEq>(
        &mut self,
        number: Number,
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
            let met = earlier.iter().find(|(other, _)| pattern.meets(*other));
            match (met, pattern) {
                (Some((other, theirs)), _) if theirs == meaning => self.refuse_line(
                    &path(index),
                    format!("`{pattern}` repeats values of `{other}`"),
                    "remove one of them",
                ),
                (Some((other, _)), _) => self.refuse_line(
                    &path(index),
                    format!("`{pattern}` and `{other}` share values: {clash}"),
                    "give each value one meaning",
                ),
                (None, Pattern::Range(_, last)) if *last > number.max() => self.refuse_line(
                    &path(index),
                    format!(
                        "`{pattern}` is never reached: an integer of {} byte(s) ends at {}",
                        number.width,
                        number.max()
                    ),
                    "correct the value, or widen the integer",
                ),
                (None, Pattern::Range(first, last)) => ranges.push((*first, *last, *meaning)),
                (None, Pattern::Others) => ranges.push((0, u64::MAX, *meaning)),
            }
        }
        ranges
    }
    /// Keeps a complaint about a line of a table: at its pattern, not at what it means.
    fn refuse_line(&mut self, path: &[Step<'_>], message: String, help: &str) {
        let at = locate_name(self.text, path);
        self.complaints
            .push(Complaint::new(self.file, at, message).help(help));
    }
}
