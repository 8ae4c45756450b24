//! Replacing an id by one of another length: whatever counts the bytes around it follows, and so
//! do the checksums.

use smallvec::SmallVec;
use weft_codec::{EmitError, Head, Malformed, Side};

use crate::number::Number;
use crate::program::{Base, GroupExtent, IdField, IdSpot, Program, Text, Varying, What, Where};
use crate::stop::Stop;
use crate::walk::Walker;

/// Integers that count the bytes around an id, the outermost first, each with its offset.
type Sites = SmallVec<[(usize, Number); 8]>;

impl Walker<'_, '_> {
    /// The bytes of the id.
    pub(crate) fn id_content(&mut self, id: &IdField) -> Result<(usize, usize), Stop> {
        for spot in &id.spots {
            match self.id_at(id, spot, &mut |_| {}) {
                Err(Stop::Absent) => {}
                found => return found,
            }
        }
        Err(Stop::Absent)
    }

    /// The bytes of the id at one spot; `lengths` gets what counts them inside its group.
    fn id_at(
        &mut self,
        id: &IdField,
        spot: &IdSpot,
        lengths: &mut dyn FnMut((usize, Number)),
    ) -> Result<(usize, usize), Stop> {
        let (start, end) = match &spot.at {
            Where::Keyed(keyed) => {
                let entry = self.find(keyed, true, lengths)?;
                (entry.start, entry.end)
            }
            // No id stands there.
            Where::Body(_) => return Err(Stop::Absent),
            Where::Place(place) => {
                let at = self.position(*place)?;
                match &spot.text {
                    Some(text) => {
                        let found = self.text_in(text, at, self.end)?;
                        if let Some(site) = self.site(text, at)? {
                            lengths(site);
                        }
                        (found.start, found.end)
                    }
                    None => {
                        let end = match (id.form, id.bytes) {
                            (crate::id::IdForm::Number(number), None) => {
                                number.decode(self.frame, at, self.end)?.1
                            }
                            (_, bytes) => at.saturating_add(usize::from(bytes.unwrap_or(0))),
                        };
                        (at, end)
                    }
                }
            }
        };
        match id.bytes {
            // In a group or a text something else may stand there.
            Some(bytes) if end.saturating_sub(start) != usize::from(bytes) => {
                Err(Stop::Beyond(start))
            }
            _ => Ok((start, end)),
        }
    }

    /// The integer that counts a text at `at`, if one does.
    fn site(&self, text: &Text, at: usize) -> Result<Option<(usize, Number)>, Stop> {
        match text {
            Text::Run { number, .. } => Ok(Some((at, *number))),
            Text::By { field, .. } => {
                let field = self.program.fields.get(*field).ok_or(Stop::Absent)?;
                for spot in &field.spots {
                    if let (Where::Place(place), What::Number(number)) = (&spot.at, &spot.what)
                        && let Ok(at) = self.position(*place)
                    {
                        return Ok(Some((at, *number)));
                    }
                }
                Err(Stop::Absent)
            }
            Text::Fixed(_) | Text::Padded(..) | Text::Until(_) | Text::Word(_) | Text::Rest => {
                Ok(None)
            }
        }
    }

    /// What counts the bytes around the id, the outermost first.
    fn sites(&mut self, id: &IdField) -> Result<Sites, Stop> {
        let program = self.program;
        let mut inner = Sites::new();
        let mut found = Err(Stop::Absent);
        for spot in &id.spots {
            inner.clear();
            found = self
                .id_at(id, spot, &mut |site| inner.push(site))
                .map(|(start, _)| (start, spot));
            if !matches!(found, Err(Stop::Absent)) {
                break;
            }
        }
        let (start, spot) = found?;
        let mut sites = Sites::new();
        for length in &program.extent.lengths {
            let Ok(at) = self.position(length.place) else {
                continue;
            };
            let counts = match length.base {
                Base::Frame => true,
                Base::Rest => start > at,
                Base::Body(body) => self.position(body).is_ok_and(|body| start >= body),
            };
            if counts {
                sites.push((at, length.number));
            }
            break;
        }
        for stride in &spot.within {
            if let Some(Varying::Enter(text)) = program
                .strides
                .get(usize::from(*stride))
                .map(|stride| &stride.what)
            {
                sites.extend(self.site(text, self.begin_of(*stride)?)?);
            }
        }
        if let Where::Keyed(keyed) = &spot.at
            && let Some(group) = program.groups.get(keyed.group)
            && let GroupExtent::Bytes(text) = &group.extent
        {
            sites.extend(self.site(text, self.position(group.place)?)?);
        }
        sites.extend(inner);
        Ok(sites)
    }
}

impl Program {
    /// Replaces the id of the copy that begins at `begin` by `bytes`.
    pub(crate) fn replace_id(
        &self,
        (side, head): (Side, &Head),
        bytes: &[u8],
        begin: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), EmitError> {
        let wrong = || {
            EmitError::from(Malformed::new(
                head.id.start as usize,
                "the id is not all there",
            ))
        };
        let start = begin.saturating_add(head.id.start as usize);
        let end = start.saturating_add(head.id.len as usize);
        let there = out.get_mut(start..end).ok_or_else(wrong)?;
        if there.len() == bytes.len() {
            there.copy_from_slice(bytes);
            return Ok(());
        }
        let Some(id) = self.id.as_ref() else {
            return Ok(());
        };
        let copy = out.get(begin..).unwrap_or_default();
        let mut walker = Walker::new(self, side, copy, head.frame_bytes as usize);
        walker.frame_end = head.frame_bytes as usize;
        // A frame that is cut through is there only up to its body.
        let _ = walker.run(u16::MAX);
        let sites = walker.sites(id).map_err(|_| wrong())?;
        let mut grown = i128::try_from(bytes.len())
            .unwrap_or(0)
            .saturating_sub(i128::from(head.id.len));
        out.splice(start..end, bytes.iter().copied());
        for (at, number) in sites.iter().rev() {
            grown = grow((begin.saturating_add(*at), *number), grown, out)?;
        }
        Ok(())
    }

    /// Computes the checksums of the copy that begins at `begin` anew.
    pub(crate) fn mend_sums(
        &self,
        side: Side,
        begin: usize,
        out: &mut [u8],
    ) -> Result<(), EmitError> {
        for sum in &self.sums {
            let frame = out.get(begin..).unwrap_or_default();
            let mut walker = Walker::new(self, side, frame, frame.len());
            walker.frame_end = frame.len();
            let computed = walker.run(u16::MAX).and_then(|()| {
                let at = walker.position(sum.place)?;
                Ok((at, sum.computed(&walker, frame, at)?))
            });
            let (at, value) = match computed {
                Err(Stop::Absent) => continue,
                Err(_) => return Err(Malformed::new(0, "the checksum cannot be mended").into()),
                Ok(computed) => computed,
            };
            if !sum.number.write(value, out, begin.saturating_add(at)) {
                return Err(Malformed::new(at, "the checksum is not all there").into());
            }
        }
        Ok(())
    }
}

/// Adds to the integer at `at` in `out` what the bytes that it counts have grown by. Answers by
/// how much the bytes that contain the integer have grown.
fn grow((at, number): (usize, Number), grown: i128, out: &mut Vec<u8>) -> Result<i128, EmitError> {
    let too_long = |bytes: i128| EmitError::TooLong {
        bytes: u64::try_from(bytes).unwrap_or(0),
        limit: number.max(),
    };
    let (counted, behind) = number
        .decode(out, at, out.len())
        .map_err(|_| Malformed::new(at, "a length is not all there"))?;
    let counted = number.value(counted).saturating_add(grown);
    let value = u64::try_from(counted).map_err(|_| too_long(counted))?;
    if !number.holds(value) {
        return Err(too_long(counted));
    }
    if number.is_fixed() {
        number.write(value, out, at);
        return Ok(grown);
    }
    let mut bytes = Vec::new();
    number.push(value, &mut bytes);
    let wider = i128::try_from(bytes.len())
        .unwrap_or(0)
        .saturating_sub(i128::try_from(behind.saturating_sub(at)).unwrap_or(0));
    out.splice(at..behind, bytes);
    Ok(grown.saturating_add(wider))
}
