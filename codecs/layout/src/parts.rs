//! The parts of a frame for people, by the names of its description. Goes as far as the bytes
//! make sense; what stops it is the last part.

use weft_codec::{Head, Limits, Parts, Side, Span};

use crate::program::{EntryKey, Format, Group, Named, Program, Shows, What};
use crate::stop::Stop;
use crate::walk::Walker;

/// A name where this frame has it.
struct Shown<'p> {
    named: &'p Named,
    begin: usize,
    end: usize,
}

/// One frame that is being named.
struct Naming<'p, 'f> {
    program: &'p Program,
    walker: Walker<'p, 'f>,
    head: Option<&'f Head>,
    /// Where the last part must end.
    end: usize,
}

impl Program {
    /// Names the parts of a frame: see [`weft_codec::Codec::parts`].
    pub(crate) fn name_parts(
        &self,
        side: Side,
        head: Option<&Head>,
        frame: &[u8],
        parts: &mut Parts,
    ) {
        let limits = Limits::default();
        let mut walker = Walker::new(self, side, frame, limits.head_bytes_max as usize);
        let end = match head {
            Some(head) => head.frame_bytes as usize,
            None => frame.len(),
        };
        walker.frame_end = match head {
            Some(_) => end,
            None => self.frame_bytes(side, &limits, frame).unwrap_or(usize::MAX),
        };
        walker.end = walker.frame_end;
        let stop = walker.run(u16::MAX).err();
        let end = end.min(walker.frame_end);
        let mut naming = Naming {
            program: self,
            walker,
            head,
            end,
        };
        let (shown, failed) = naming.places(stop);
        let at = naming.level(&shown, (0, end), parts);
        match failed {
            Some(named) if at < end => naming.failed(named, at, stop, parts),
            _ => naming.gap(at, end, parts),
        }
    }

    /// The length of a frame of which perhaps only the beginning makes sense.
    fn frame_bytes(&self, side: Side, limits: &Limits, frame: &[u8]) -> Option<usize> {
        let mut walker = Walker::new(self, side, frame, limits.head_bytes_max as usize);
        let bytes = self.walked_length(&mut walker, limits).ok()?;
        usize::try_from(bytes).ok()
    }
}

impl<'p> Naming<'p, '_> {
    /// The names that the frame has, in wire order, and the first that cannot be placed.
    fn places(&self, stop: Option<Stop>) -> (Vec<Shown<'p>>, Option<&'p Named>) {
        let mut shown: Vec<Shown<'p>> = Vec::new();
        // A section that was entered and not left: what stopped the walk stands in it.
        let mut entered = None;
        for named in &self.program.named {
            let Some(ends) = named.ends else {
                // Bits stand where their word does.
                if let Ok(begin) = self.walker.position(named.begins)
                    && shown.last().is_some_and(|word| word.begin == begin)
                {
                    let end = begin;
                    shown.push(Shown { named, begin, end });
                }
                continue;
            };
            let passed = self.walker.passed();
            if named.begins.strides > passed {
                return (shown, entered.or(Some(named)));
            }
            let Ok(begin) = self.walker.position(named.begins) else {
                continue;
            };
            if named.shows == Shows::Section
                && ends.strides > passed
                && named.begins.strides < passed
            {
                entered = Some(named);
                continue;
            }
            let end = match self.walker.position(ends) {
                _ if ends.strides > passed => return (shown, stop.map(|_| named)),
                Ok(end) => end,
                Err(_) => continue,
            };
            if end > self.end {
                return (shown, Some(named));
            }
            shown.push(Shown { named, begin, end });
        }
        (shown, entered)
    }

    /// Names what stands between two offsets; gives where the last of it ends.
    fn level(
        &mut self,
        shown: &[Shown<'p>],
        (from, to): (usize, usize),
        parts: &mut Parts,
    ) -> usize {
        let mut at = from;
        let mut rest = shown;
        while let Some((first, after)) = rest.split_first() {
            let (begin, end) = (first.begin, first.end);
            let inner = match first.named.shows {
                Shows::Section => after
                    .iter()
                    .take_while(|inner| inner.end <= end && inner.begin >= begin)
                    .count(),
                _ => after
                    .iter()
                    .take_while(|next| next.named.ends.is_none())
                    .count(),
            };
            let (inner, after) = after.split_at_checked(inner).unwrap_or((after, &[]));
            rest = after;
            if begin < at || end > to || end < begin {
                continue;
            }
            self.gap(at, begin, parts);
            self.show(first, inner, parts);
            at = end;
        }
        at
    }

    /// One name with its value, and what stands in it.
    fn show(&mut self, shown: &Shown<'p>, inner: &[Shown<'p>], parts: &mut Parts) {
        let Shown { named, begin, end } = *shown;
        let (name, span) = (named.name.clone(), Span::between(begin, end));
        match named.shows {
            Shows::Field(field) | Shows::Bits(field) => {
                let value = self.value(field);
                parts.words(name, span, value.unwrap_or_default());
            }
            Shows::Kind(field) => {
                let mut value = self.value(field).unwrap_or_default();
                if let Some(head) = self.head {
                    value = format!("{value} ({})", head.kind.word());
                }
                parts.words(name, span, value);
            }
            Shows::Id => self.id(name, span, parts),
            Shows::Group(group) => {
                parts.bytes(name, span);
                if let Some(group) = self.program.groups.get(group).map(|found| (group, found)) {
                    parts.inside(|parts| self.entries(group, span, parts));
                }
            }
            Shows::Section => {
                parts.bytes(name, span);
                parts.inside(|parts| {
                    let at = self.level(inner, (begin, end), parts);
                    self.gap(at, end, parts);
                });
            }
            Shows::List | Shows::Body => parts.bytes(name, span),
            Shows::Sum(sum) => parts.words(name, span, self.sum(sum, begin).unwrap_or_default()),
        }
        if named.shows != Shows::Section {
            parts.inside(|parts| {
                for bits in inner {
                    self.show(bits, &[], parts);
                }
            });
        }
    }

    /// The value of a field in words, and the name that the description gives it.
    fn value(&mut self, field: usize) -> Option<String> {
        let described = self.program.fields.get(field)?;
        let spot = self.walker.spot(described).ok()?;
        if let What::Text(_) = spot.what {
            let (start, end) = self.walker.content_at(spot).ok()?;
            return Some(Parts::quoted(self.walker.frame.get(start..end)?));
        }
        let value = self.walker.integer(field).ok()?;
        let mut names = described.names.iter();
        let named = names.find(|(first, last, _)| (*first..=*last).contains(&value));
        Some(match named {
            Some((.., name)) => format!("{value} ({name})"),
            None => value.to_string(),
        })
    }

    /// The id, and where its bytes stand if something counts them.
    fn id(&mut self, name: String, span: Span, parts: &mut Parts) {
        let id = self.program.id.as_ref();
        let found = id.and_then(|id| Some((id, self.walker.id_content(id).ok()?)));
        let Some((id, (start, end))) = found else {
            return parts.bytes(name, span);
        };
        let bytes = self.walker.frame.get(start..end).unwrap_or_default();
        let value = match id.form {
            crate::id::IdForm::Number(_) => id.form.value(bytes).to_string(),
            _ => Parts::quoted(bytes),
        };
        let content = Span::between(start, end);
        parts.words(name, span, value);
        if content != span && content.end() <= span.end() && content.start >= span.start {
            parts.inside(|parts| parts.bytes("its bytes", content));
        }
    }

    /// The entries of a group.
    fn entries(&mut self, (number, group): (usize, &'p Group), span: Span, parts: &mut Parts) {
        let program = self.program;
        let id = self.head.map(|head| head.id).unwrap_or_default();
        let mut at = span.start;
        let messages = |path: &[EntryKey]| {
            let mut named = program.named_entries.iter();
            named.any(|entry| {
                entry.group == number
                    && entry.path.len() > path.len()
                    && entry.path.starts_with(path)
            })
        };
        let mut show = |path: &[EntryKey], entry: &crate::group::Listed, frame: &[u8]| {
            let whole = Span::between(entry.begin, entry.behind);
            let content = Span::between(entry.start, entry.end);
            let mut named = program.named_entries.iter();
            let named = named.find(|named| named.group == number && named.path == path);
            let key = match path.last() {
                Some(EntryKey::Text(key)) => Parts::quoted(key),
                Some(EntryKey::Number(key)) => match group.format {
                    // The lowest bits tell how the value is written.
                    Format::Proto => (key >> 3).to_string(),
                    Format::Tlv { low_bit: true, .. } => (key >> 1).to_string(),
                    _ => key.to_string(),
                },
                None => return false,
            };
            let name = named.map_or(key, |named| named.name.clone());
            let message = messages(path);
            let number = named.and_then(|named| named.number).and_then(|number| {
                let read = number.decode(frame, entry.start, entry.end).ok()?;
                Some(number.value(read.0).to_string())
            });
            let value = || Parts::quoted(frame.get(entry.start..entry.end).unwrap_or_default());
            let value = number.unwrap_or_else(value);
            let depth = u8::try_from(path.len().saturating_sub(1)).unwrap_or(u8::MAX);
            deeper(depth, parts, &mut |parts| {
                if message {
                    parts.bytes(name.clone(), whole);
                } else {
                    parts.words(name.clone(), whole, value.clone());
                }
                if content == id && content != whole {
                    parts.inside(|parts| parts.bytes("its bytes", content));
                }
            });
            at = at.max(whole.end());
            message
        };
        // What stops the walk over a group stops that over the frame, too.
        let _ = self.walker.list(group, &mut show);
    }

    /// A checksum, and whether it is right.
    fn sum(&self, sum: usize, at: usize) -> Option<String> {
        let sum = self.program.sums.get(sum)?;
        let walker = &self.walker;
        let frame = walker.frame.get(..walker.frame_end)?;
        let found = sum.number.read(frame, at, walker.frame_end).ok()?;
        let expected = sum.computed(walker, frame, at).ok()?;
        Some(if found == expected {
            format!("{found:#x} (right)")
        } else {
            format!("{found:#x} (wrong: {:?} is {expected:#x})", sum.algorithm)
        })
    }

    /// Bytes that have no name: constants, and what is passed over.
    fn gap(&self, from: usize, to: usize, parts: &mut Parts) {
        if from >= to {
            return;
        }
        let there = self.walker.frame.get(from..to);
        let mut magics = self.program.magics.iter().map(|magic| &magic.bytes);
        let mut late = self.program.late_magics.iter().map(|(_, bytes)| bytes);
        let is_constant = there.is_some_and(|there| {
            magics.any(|bytes| **bytes == *there) || late.any(|bytes| **bytes == *there)
        });
        match there {
            Some(there) if is_constant => {
                parts.words("constant", Span::between(from, to), Parts::quoted(there))
            }
            _ => parts.bytes("bytes", Span::between(from, to)),
        }
    }

    /// The field that could not be read.
    fn failed(&self, named: &Named, at: usize, stop: Option<Stop>, parts: &mut Parts) {
        let begin = match self.walker.position(named.begins) {
            Ok(begin) if named.begins.strides <= self.walker.passed() => begin.clamp(at, self.end),
            _ => at,
        };
        self.gap(at, begin, parts);
        let words = match stop {
            Some(Stop::Beyond(_)) => "reaches past the end of its frame, or past a limit",
            Some(Stop::Twice(_)) => "stands here a second time",
            Some(Stop::Need(_) | Stop::Absent) | None => "is not all there",
        };
        parts.words(named.name.clone(), Span::between(begin, self.end), words);
    }
}

/// Adds so much deeper.
fn deeper(depth: u8, parts: &mut Parts, add: &mut dyn FnMut(&mut Parts)) {
    match depth.checked_sub(1) {
        Some(depth) => parts.inside(|parts| deeper(depth, parts, add)),
        None => add(parts),
    }
}
