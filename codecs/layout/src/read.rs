//! Values of fields during a walk, and whether conditions hold.

use crate::number::Number;
use crate::program::{BodyAt, Condition, Field, Place, Spot, Test, Text, Want, What, Where};
use crate::stop::Stop;
use crate::walk::{Extents, Walker};

impl Walker<'_, '_> {
    /// Whether a condition holds.
    pub(crate) fn holds(&mut self, condition: &Condition) -> Result<bool, Stop> {
        for line in &condition.lines {
            let mut all = true;
            for test in line {
                if !self.passes(test)? {
                    all = false;
                    break;
                }
            }
            if all {
                return Ok(!condition.not);
            }
        }
        Ok(condition.not)
    }

    /// Whether a field passes a test.
    fn passes(&mut self, test: &Test) -> Result<bool, Stop> {
        let found = match &test.want {
            Want::From(side) => return Ok(self.side == *side),
            Want::Range(first, last) => self
                .integer(test.field)
                .map(|value| (*first..=*last).contains(&value)),
            Want::Text(wanted) => {
                let frame = self.frame;
                self.content(test.field).map(|(start, end)| {
                    let there = frame.get(start..end).unwrap_or_default();
                    there == wanted.as_ref()
                })
            }
            Want::Present => self.content(test.field).map(|_| true),
        };
        match found {
            Err(Stop::Absent) => Ok(false),
            found => found,
        }
    }

    /// The value of an integer field that the walk has passed.
    pub(crate) fn integer(&mut self, field: usize) -> Result<i128, Stop> {
        let program = self.program;
        let field = program.fields.get(field).ok_or(Stop::Absent)?;
        for spot in &field.spots {
            match self.integer_at(spot) {
                Err(Stop::Absent) => {}
                found => return found,
            }
        }
        Err(Stop::Absent)
    }

    /// The value of an integer at one spot.
    fn integer_at(&mut self, spot: &Spot) -> Result<i128, Stop> {
        let (start, end) = self.content_at(spot)?;
        match &spot.what {
            What::Number(number) => {
                let raw = number.read(self.frame, start, end)?;
                Ok(number.value(raw))
            }
            What::Bits(number, first, bits) => {
                let raw = number.read(self.frame, start, end)?;
                Ok(i128::from(bits_of(raw, *first, *bits)))
            }
            What::Decimal => {
                let digits = self.frame.get(start..end).ok_or(Stop::Need(end))?;
                let digits = std::str::from_utf8(digits).map_err(|_| Stop::Absent)?;
                digits.trim().parse().map_err(|_| Stop::Absent)
            }
            What::Text(_) => Err(Stop::Absent),
        }
    }

    /// The first and the end of the bytes that a field holds.
    pub(crate) fn content(&mut self, field: usize) -> Result<(usize, usize), Stop> {
        let program = self.program;
        let field = program.fields.get(field).ok_or(Stop::Absent)?;
        for spot in &field.spots {
            match self.content_at(spot) {
                Err(Stop::Absent) => {}
                found => return found,
            }
        }
        Err(Stop::Absent)
    }

    /// The field's first spot that the frame has.
    pub(crate) fn spot<'s>(&mut self, field: &'s Field) -> Result<&'s Spot, Stop> {
        for spot in &field.spots {
            match self.content_at(spot) {
                Err(Stop::Absent) => {}
                Err(stop) => return Err(stop),
                Ok(_) => return Ok(spot),
            }
        }
        Err(Stop::Absent)
    }

    /// The bytes at one spot.
    pub(crate) fn content_at(&mut self, spot: &Spot) -> Result<(usize, usize), Stop> {
        let place = match &spot.at {
            Where::Keyed(keyed) => {
                let entry = self.find(keyed, false, &mut |_| {})?;
                return match &spot.what {
                    // What stands there may be shorter than the integer that is expected.
                    What::Number(number) | What::Bits(number, ..)
                        if number.is_fixed()
                            && entry.end.saturating_sub(entry.start) != number.bytes() =>
                    {
                        Err(Stop::Absent)
                    }
                    _ => Ok((entry.start, entry.end)),
                };
            }
            Where::Body(inside) => return self.in_body(inside, &spot.what),
            Where::Place(place) => *place,
        };
        let at = self.position(place)?;
        match &spot.what {
            What::Number(number) | What::Bits(number, ..) => Ok((at, self.behind(*number, at)?)),
            What::Decimal => Err(Stop::Absent),
            What::Text(Text::Rest) => {
                let behind = Place {
                    strides: place.strides.saturating_add(1),
                    bytes: 0,
                };
                Ok((at, self.position(behind)?))
            }
            What::Text(text) => {
                let found = self.text_in(text, at, self.frame_end.max(self.end))?;
                Ok((found.start, self.trimmed(text, found)))
            }
        }
    }

    /// The bytes of a value in the body; a body that ends before does not have it.
    fn in_body(&mut self, inside: &BodyAt, what: &What) -> Result<(usize, usize), Stop> {
        let bytes = match what {
            What::Number(number) | What::Bits(number, ..) => number.bytes(),
            What::Text(Text::Fixed(bytes)) => *bytes as usize,
            What::Text(_) | What::Decimal => return Err(Stop::Absent),
        };
        let at = self.position(inside.place)?;
        let body = self.text_in(&inside.text, at, self.frame_end)?;
        let start = body.start.saturating_add(inside.offset as usize);
        let end = start.saturating_add(bytes);
        if end > body.end {
            return Err(Stop::Absent);
        }
        Ok((start, end))
    }

    /// The offset behind an integer.
    fn behind(&self, number: Number, at: usize) -> Result<usize, Stop> {
        if number.is_fixed() {
            return Ok(at.saturating_add(number.bytes()));
        }
        number
            .decode(self.frame, at, self.frame.len())
            .map(|(_, behind)| behind)
    }

    /// The end of a text without its padding.
    fn trimmed(&self, text: &Text, found: Extents) -> usize {
        if !matches!(text, Text::Padded(..)) {
            return found.end;
        }
        let there = self.frame.get(found.start..found.end).unwrap_or_default();
        let kept = there
            .iter()
            .rposition(|byte| !matches!(byte, 0 | b' '))
            .map_or(0, |last| last.saturating_add(1));
        found.start.saturating_add(kept)
    }
}

/// So many bits of an integer.
pub(crate) fn bits_of(raw: u64, first: u8, bits: u8) -> u64 {
    let low = raw.checked_shr(u32::from(first)).unwrap_or(0);
    let unused = 64u32.saturating_sub(u32::from(bits));
    low & u64::MAX.checked_shr(unused).unwrap_or(0)
}
