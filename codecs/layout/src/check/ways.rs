//! Fields that stand in some frames only, and those that stand in a section.

use weft_codec::Side;
use weft_ron::Step;

use super::frame::Builder;
use super::shape::Holds;
use crate::pattern::Pattern;
use crate::program::{Condition, NEST_MAX, Part, Test, Text, Varying, Want};
use crate::raw;

impl<'r> Builder<'_, '_, 'r> {
    /// Fields under a condition, and perhaps others where it does not hold.
    pub(super) fn fork_if(
        &mut self,
        when: &raw::When,
        then: &'r [raw::Field],
        otherwise: &'r [raw::Field],
    ) -> u32 {
        let condition = self.earlier(when, &[Step::Index(0)]);
        let fork = self.fork();
        let arms = if otherwise.is_empty() {
            vec![(Some(condition), then, Step::Index(1))]
        } else {
            vec![
                (Some(condition), then, Step::Index(1)),
                (None, otherwise, Step::Index(2)),
            ]
        };
        self.arms(fork, arms, &[])
    }

    /// Fields by the value of an earlier one.
    pub(super) fn fork_switch(
        &mut self,
        name: &str,
        table: &'r [(Pattern, Vec<raw::Field>)],
    ) -> u32 {
        let fork = self.fork();
        let Some(field) = self.earlier_field(name, &[Step::Index(0)]) else {
            return 0;
        };
        let mut arms = Vec::new();
        for (line, (pattern, items)) in table.iter().enumerate() {
            let at = [Step::Index(1), Step::Index(line)];
            let earlier = table.get(..line).unwrap_or_default();
            if let Some((other, _)) = earlier
                .iter()
                .find(|(other, _)| *other == Pattern::Others || other.meets(pattern))
            {
                self.refuse(
                    &at,
                    format!("`{pattern}` is never reached: `{other}` before it takes its values"),
                    "give each value one arm, and put `_` last",
                );
                continue;
            }
            let condition = match pattern {
                Pattern::Others => None,
                pattern => {
                    let path = [&self.path[..], &at].concat();
                    let want = self.checker.want(&self.shape, field, pattern, &path);
                    Some(Condition {
                        lines: vec![vec![Test { field, want }]],
                        not: false,
                    })
                }
            };
            arms.push((condition, items.as_slice(), Step::Index(line)));
        }
        self.arms(fork, arms, &[Step::Index(1)])
    }

    /// Fields that only frames of one side have.
    pub(super) fn direction(&mut self, side: Side, items: &'r [raw::Field]) -> u32 {
        let condition = Condition {
            lines: vec![vec![Test {
                field: 0,
                want: Want::From(side),
            }]],
            not: false,
        };
        // All of them are one fork: what stands in requests never stands in answers.
        let arm = usize::from(side == Side::Upstream);
        self.ways.push((0, arm));
        let branch = self.stride(Varying::Branch(condition.clone(), 0));
        let part = self.shape.parts.len();
        self.shape.parts.push(Part::Branch(condition.clone(), 0));
        self.path.push(Step::Index(0));
        self.conditions.push(condition);
        self.items(items);
        self.conditions.pop();
        self.path.pop();
        let jump = self.stride(Varying::Jump(0));
        let join = self.stride(Varying::Join);
        self.lead(branch, join);
        self.lead(jump, join);
        let end = self.shape.parts.len();
        self.lead_part(part, end);
        self.ways.pop();
        0
    }

    pub(super) fn fork(&mut self) -> usize {
        let fork = self.forks;
        self.forks = self.forks.saturating_add(1);
        fork
    }

    /// Arms of which a frame has the first whose condition holds. Answers the fewest bytes of
    /// any way.
    fn arms(
        &mut self,
        fork: usize,
        arms: Vec<(Option<Condition>, &'r [raw::Field], Step<'r>)>,
        steps: &[Step<'r>],
    ) -> u32 {
        let mut bytes_min = u32::MAX;
        let mut has_all = false;
        let mut jumps = Vec::new();
        let mut part_jumps = Vec::new();
        let mut open: Option<(usize, usize)> = None;
        let mut tried = Condition {
            lines: Vec::new(),
            not: true,
        };
        for (arm, (condition, items, step)) in arms.into_iter().enumerate() {
            let here = self.shape.strides.len();
            let part = self.shape.parts.len();
            if let Some((branch, branch_part)) = open.take() {
                self.lead(branch, here);
                self.lead_part(branch_part, part);
            }
            match &condition {
                Some(condition) => {
                    let branch = self.stride(Varying::Branch(condition.clone(), 0));
                    self.shape.parts.push(Part::Branch(condition.clone(), 0));
                    open = Some((branch, part));
                }
                None => {
                    self.stride(Varying::Join);
                    has_all = true;
                }
            }
            let conditions = self.conditions.len();
            tried
                .lines
                .extend(condition.iter().flat_map(|one| one.lines.clone()));
            self.conditions
                .push(condition.unwrap_or_else(|| tried.clone()));
            self.ways.push((fork, arm));
            let path = self.path.len();
            self.path.extend_from_slice(steps);
            self.path.push(step);
            bytes_min = bytes_min.min(self.items(items));
            self.path.truncate(path);
            self.ways.pop();
            self.conditions.truncate(conditions);
            jumps.push(self.stride(Varying::Jump(0)));
            part_jumps.push(self.shape.parts.len());
            self.shape.parts.push(Part::Jump(0));
        }
        let join = self.stride(Varying::Join);
        let end = self.shape.parts.len();
        if let Some((branch, branch_part)) = open {
            self.lead(branch, join);
            self.lead_part(branch_part, end);
        }
        jumps.into_iter().for_each(|jump| self.lead(jump, join));
        part_jumps
            .into_iter()
            .for_each(|jump| self.lead_part(jump, end));
        if has_all { bytes_min } else { 0 }
    }

    /// Leads a branch or a jump to a stride.
    pub(super) fn lead(&mut self, from: usize, stride: usize) {
        let target = u16::try_from(stride).unwrap_or(u16::MAX);
        if let Some(stride) = self.shape.strides.get_mut(from)
            && let Varying::Branch(_, to) | Varying::Optional(to) | Varying::Jump(to) =
                &mut stride.what
        {
            *to = target;
        }
    }

    /// Leads a branch or a jump of the parts to a part.
    pub(super) fn lead_part(&mut self, from: usize, part: usize) {
        if let Some(Part::Branch(_, to) | Part::Jump(to)) = self.shape.parts.get_mut(from) {
            *to = part;
        }
    }

    /// Fields within a length of their own.
    pub(super) fn section(
        &mut self,
        name: &str,
        extent: &raw::Extent,
        items: &'r [raw::Field],
    ) -> u32 {
        self.name(name, Holds::Section, None);
        let slot = self.shape.slots.len().saturating_sub(1);
        let Some(text) = self.text(extent, &[Step::Index(1)]) else {
            return 0;
        };
        if matches!(text, Text::Until(_) | Text::Rest | Text::Padded(..)) {
            self.refuse(
                &[Step::Index(1)],
                "a section needs a length of its own",
                "write the type of the length before it, By(\"field\") or Fixed(bytes)",
            );
        }
        if self.within.len() >= NEST_MAX {
            self.refuse(
                &[],
                "too many sections in one another",
                "describe it as Bytes",
            );
            return 0;
        }
        let bytes_min = self.text_bytes_min(&text);
        self.shape.parts.push(Part::Enter(text.clone()));
        let enter = self.stride(Varying::Enter(text));
        self.within.push(u16::try_from(enter).unwrap_or(u16::MAX));
        self.path.push(Step::Index(2));
        self.items(items);
        self.path.pop();
        self.within.pop();
        self.stride(Varying::Leave);
        self.shape.parts.push(Part::Leave);
        self.ends_here(slot);
        bytes_min
    }

    /// From here on nothing can be read, up to the body, if the condition holds.
    pub(super) fn opaque(&mut self, when: &raw::When) -> u32 {
        let mut condition = self.earlier(when, &[Step::Index(0)]);
        condition.not = true;
        if !self.ways.is_empty() || !self.within.is_empty() || self.opaque.is_some() {
            self.refuse(
                &[],
                "an Opaque in an arm or section, or a second one",
                "write one Opaque between the fields of the frame itself",
            );
            return 0;
        }
        let branch = self.stride(Varying::Branch(condition.clone(), 0));
        let part = self.shape.parts.len();
        self.shape.parts.push(Part::Branch(condition, 0));
        self.opaque = Some((branch, part));
        0
    }

    /// A condition on fields that stand before this one.
    pub(super) fn earlier(&mut self, when: &raw::When, steps: &[Step<'_>]) -> Condition {
        let path = [&self.path[..], steps].concat();
        for (_, (name, _)) in when.0.iter().flat_map(|line| line.0.iter().enumerate()) {
            let known = self.shape.slot(name).and_then(|slot| slot.field);
            if known.is_some_and(|field| self.shape.is_keyed(field)) {
                self.checker.refuse(
                    &path,
                    format!("`{name}` stands in a group or in the body and cannot say which fields follow"),
                    "ask a field of the frame itself",
                );
            }
        }
        self.checker.condition(&self.shape, when, &path)
    }

    /// A number that stands before this field.
    pub(super) fn earlier_field(&mut self, name: &str, steps: &[Step<'_>]) -> Option<usize> {
        let path = [&self.path[..], steps].concat();
        let field = self.checker.field(
            &self.shape,
            name,
            &path,
            (
                "an earlier Int, Enum, field of Bits, Str or Bytes",
                Holds::is_readable,
            ),
        )?;
        if self.shape.is_keyed(field) {
            self.checker.refuse(
                &path,
                format!(
                    "`{name}` stands in a group or in the body and cannot say which fields follow"
                ),
                "ask a field of the frame itself",
            );
            return None;
        }
        Some(field)
    }
}
