//! Maps, TLVs and protobuf messages: finding the value under a key.
//!
//! Entries are passed one after another, each bounded by the group and the group by its frame.
//! Messages in messages are entered along a path that the description gives, so that their depth
//! is the description's and not the frame's.

use crate::number::{Form, Number};
use crate::program::{EntryKey, Format, Group, GroupExtent, Keyed, NEST_MAX, Piece, Place, Text};
use crate::stop::Stop;
use crate::walk::Walker;

/// A varint of protobuf.
pub(crate) const PROTO: Number = Number {
    width: 0,
    little: true,
    form: Form::Varint,
};

/// A value in a group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The first byte of the value.
    pub(crate) start: usize,
    /// Behind its last byte.
    pub(crate) end: usize,
    /// Where the integer stands that counts its bytes, if one does.
    pub(crate) length: Option<(usize, Number)>,
    /// Where the next entry begins.
    behind: usize,
}

/// An entry as it is listed: from its key to what follows it, and the value in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Listed {
    pub(crate) begin: usize,
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) behind: usize,
}

/// Told of an entry: the keys of the messages around it and its own, where it stands, and the
/// frame. Answers whether it is to be told of the entries inside it.
pub(crate) type EachEntry<'e> = dyn FnMut(&[EntryKey], &Listed, &[u8]) -> bool + 'e;

/// The bytes of a group's entries, and how many there are if they are counted.
#[derive(Clone, Copy, Debug)]
struct Region {
    at: usize,
    end: usize,
    left: usize,
}

impl Walker<'_, '_> {
    /// The value of a keyed field, and what counts its bytes, from the outermost message
    /// inwards. The first of its key counts, in protobuf the last. With `once` a key that
    /// stands twice is a mistake.
    pub(crate) fn find(
        &mut self,
        keyed: &Keyed,
        once: bool,
        lengths: &mut dyn FnMut((usize, Number)),
    ) -> Result<Entry, Stop> {
        let program = self.program;
        let group = program.groups.get(keyed.group).ok_or(Stop::Absent)?;
        let mut region = self.region(group)?;
        let mut found = Entry::default();
        for key in &keyed.path {
            found = self.find_one(&group.format, region, key, once)?;
            if let Some(length) = found.length {
                lengths(length);
            }
            region = Region {
                at: found.start,
                end: found.end,
                left: usize::MAX,
            };
        }
        Ok(found)
    }

    /// Where the entries of a group stand.
    fn region(&mut self, group: &Group) -> Result<Region, Stop> {
        let at = self.position(group.place)?;
        match &group.extent {
            GroupExtent::Count(count) => {
                let (left, at) = self.count(*count, at)?;
                Ok(Region {
                    at,
                    end: self.end,
                    left,
                })
            }
            GroupExtent::Bytes(Text::Rest) => {
                let behind = Place {
                    strides: group.place.strides.saturating_add(1),
                    bytes: 0,
                };
                Ok(Region {
                    at,
                    end: self.position(behind)?,
                    left: usize::MAX,
                })
            }
            GroupExtent::Bytes(text) => {
                let text = self.text_in(text, at, self.frame_end.max(self.end))?;
                Ok(Region {
                    at: text.start,
                    end: text.end,
                    left: usize::MAX,
                })
            }
        }
    }

    /// Tells `each` of every entry of a group.
    pub(crate) fn list(&mut self, group: &Group, each: &mut EachEntry<'_>) -> Result<(), Stop> {
        let region = self.region(group)?;
        self.list_region(&group.format, region, &mut Vec::new(), each)
    }

    fn list_region(
        &mut self,
        format: &Format,
        region: Region,
        path: &mut Vec<EntryKey>,
        each: &mut EachEntry<'_>,
    ) -> Result<(), Stop> {
        let Region {
            mut at,
            end,
            mut left,
        } = region;
        while at < end && left > 0 && path.len() < NEST_MAX {
            let key = self.key(format, (at, end))?;
            let (entry, _) = self.entry(format, (at, end), &key)?;
            if entry.behind <= at {
                return Err(Stop::Beyond(at));
            }
            path.push(key);
            let listed = Listed {
                begin: at,
                start: entry.start,
                end: entry.end,
                behind: entry.behind,
            };
            if each(path, &listed, self.frame) {
                let inside = Region {
                    at: entry.start,
                    end: entry.end,
                    left: usize::MAX,
                };
                // A message that is damaged inside is passed over all the same.
                let depth = path.len();
                let _ = self.list_region(format, inside, path, each);
                path.truncate(depth);
            }
            path.pop();
            at = entry.behind;
            left = left.saturating_sub(1);
        }
        Ok(())
    }

    /// The key of the entry at the beginning of a region.
    fn key(&mut self, format: &Format, (at, end): (usize, usize)) -> Result<EntryKey, Stop> {
        Ok(match format {
            Format::Pairs { key, .. } => {
                let key = self.text_in(key, at, end)?;
                let key = self.frame.get(key.start..key.end);
                EntryKey::Text(key.ok_or(Stop::Need(end))?.into())
            }
            Format::Tlv { tag, .. } => EntryKey::Number(tag.decode(self.frame, at, end)?.0),
            Format::Elements(pieces) => match pieces.first() {
                Some(Piece::Number(tag)) => EntryKey::Number(tag.decode(self.frame, at, end)?.0),
                _ => return Err(Stop::Absent),
            },
            Format::Proto => EntryKey::Number(PROTO.decode(self.frame, at, end)?.0),
        })
    }

    /// The value under one key in a region.
    fn find_one(
        &mut self,
        format: &Format,
        region: Region,
        wanted: &EntryKey,
        once: bool,
    ) -> Result<Entry, Stop> {
        let mut found = None;
        let Region {
            mut at,
            end,
            mut left,
        } = region;
        let last_counts = matches!(format, Format::Proto);
        while at < end && left > 0 {
            let (entry, is_it) = self.entry(format, (at, end), wanted)?;
            if is_it {
                if once && found.is_some() {
                    return Err(Stop::Twice(at));
                }
                if found.is_none() || last_counts {
                    found = Some(entry);
                }
                if !once && !last_counts {
                    break;
                }
            }
            if entry.behind <= at {
                return Err(Stop::Beyond(at));
            }
            at = entry.behind;
            left = left.saturating_sub(1);
        }
        found.ok_or(Stop::Absent)
    }

    /// The entry at the beginning of a region, and whether it is the wanted one.
    fn entry(
        &mut self,
        format: &Format,
        (at, end): (usize, usize),
        wanted: &EntryKey,
    ) -> Result<(Entry, bool), Stop> {
        match format {
            Format::Pairs { key, value } => {
                let key = self.text_in(key, at, end)?;
                let is_it = match wanted {
                    EntryKey::Text(wanted) => {
                        self.frame.get(key.start..key.end) == Some(wanted.as_ref())
                    }
                    EntryKey::Number(_) => false,
                };
                let length = match value {
                    Text::Run { number, .. } => Some((key.behind, *number)),
                    _ => None,
                };
                let value = self.text_in(value, key.behind, end)?;
                let entry = Entry {
                    start: value.start,
                    end: value.end,
                    length,
                    behind: value.behind,
                };
                Ok((entry, is_it))
            }
            Format::Tlv {
                tag,
                length,
                low_bit,
            } => {
                let (found, length_at) = tag.decode(self.frame, at, end)?;
                let is_it = *wanted == EntryKey::Number(found);
                if *low_bit && found & 1 == 0 {
                    let (_, behind) = length.decode(self.frame, length_at, end)?;
                    let entry = Entry {
                        start: length_at,
                        end: behind,
                        length: None,
                        behind,
                    };
                    return Ok((entry, is_it));
                }
                let run = Text::Run {
                    number: *length,
                    plus: 0,
                };
                let value = self.text_in(&run, length_at, end)?;
                let entry = Entry {
                    start: value.start,
                    end: value.end,
                    length: Some((length_at, *length)),
                    behind: value.behind,
                };
                Ok((entry, is_it))
            }
            Format::Elements(pieces) => self.element(pieces, (at, end), wanted),
            Format::Proto => {
                let (key, at) = PROTO.decode(self.frame, at, end)?;
                let entry = self.proto_value(key & 7, (at, end))?;
                Ok((entry, *wanted == EntryKey::Number(key)))
            }
        }
    }

    /// The element at the beginning of a region: its value is its last piece.
    fn element(
        &mut self,
        pieces: &[Piece],
        (at, end): (usize, usize),
        wanted: &EntryKey,
    ) -> Result<(Entry, bool), Stop> {
        let mut found = (Entry::default(), false);
        let mut next = at;
        for (index, piece) in pieces.iter().enumerate() {
            let at = next;
            found.0 = match piece {
                Piece::Number(number) => {
                    let (value, behind) = number.decode(self.frame, at, end)?;
                    if index == 0 {
                        found.1 = *wanted == EntryKey::Number(value);
                    }
                    Entry {
                        start: at,
                        end: behind,
                        length: None,
                        behind,
                    }
                }
                Piece::Text(text) => {
                    let content = self.text_in(text, at, end)?;
                    Entry {
                        start: content.start,
                        end: content.end,
                        length: match text {
                            Text::Run { number, .. } => Some((at, *number)),
                            _ => None,
                        },
                        behind: content.behind,
                    }
                }
            };
            next = found.0.behind;
        }
        Ok(found)
    }

    /// The value behind a protobuf key of this wire type; groups, which protobuf itself has
    /// given up, are refused.
    fn proto_value(&mut self, wire: u64, (at, end): (usize, usize)) -> Result<Entry, Stop> {
        let bytes = match wire {
            0 => {
                let (_, behind) = PROTO.decode(self.frame, at, end)?;
                behind.saturating_sub(at)
            }
            1 => 8,
            2 => {
                let (_, start) = PROTO.decode(self.frame, at, end)?;
                let run = Text::Run {
                    number: PROTO,
                    plus: 0,
                };
                let text = self.text_in(&run, at, end)?;
                return Ok(Entry {
                    start,
                    end: text.end,
                    length: Some((at, PROTO)),
                    behind: text.behind,
                });
            }
            5 => 4,
            _ => return Err(Stop::Beyond(at)),
        };
        let behind = at.saturating_add(bytes);
        if behind > end {
            return Err(Stop::Beyond(at));
        }
        Ok(Entry {
            start: at,
            end: behind,
            length: None,
            behind,
        })
    }
}
