//! Values one by one: scalars are read, everything else is walked to its end.

use smallvec::SmallVec;

use crate::{Item, Scalar};

/// How deep values may be nested.
pub const DEPTH_MAX: usize = 64;

/// How many class definitions a stream may have; past eight, four bytes are allocated for each.
pub const CLASSES_MAX: usize = 1024;

/// In the walk: a value that goes on until its end mark.
const UNTIL_END: u32 = u32::MAX;

/// Which form of hessian is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Hessian 2.0 as specified.
    Final,
    /// The form before it: `O` defines and `o` makes an object, lists and maps end with `z`.
    Draft,
}

/// A place in a stream of values, and the classes that were defined before it.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) at: usize,
    pub(crate) dialect: Dialect,
    /// How many fields each class has, in the order of definition.
    pub(crate) classes: SmallVec<[u32; 8]>,
}

/// What a value begins with.
enum Begun<'a> {
    Leaf(Scalar<'a>),
    /// So many values follow, or values until the end mark.
    Open(u32),
}

impl<'a> Reader<'a> {
    /// A reader of the values that begin at `at` in `bytes`.
    #[must_use]
    pub fn new(dialect: Dialect, bytes: &'a [u8], at: usize) -> Self {
        Self {
            bytes,
            at,
            dialect,
            classes: SmallVec::new(),
        }
    }

    /// Offset of the next byte.
    #[must_use]
    pub fn at(&self) -> usize {
        self.at
    }

    /// Reads one value, whatever it is.
    #[inline]
    pub fn item(&mut self) -> Option<Item<'a>> {
        let start = self.at;
        // Most are short texts.
        if let Some(tag @ 0..=0x1f) = self.peek() {
            self.at = start.saturating_add(1);
            let scalar = Scalar::Text(self.characters(usize::from(tag))?);
            let end = self.at;
            return Some(Item { scalar, start, end });
        }
        self.any_item(start)
    }

    fn any_item(&mut self, start: usize) -> Option<Item<'a>> {
        let scalar = match self.begin()? {
            Begun::Leaf(scalar) => scalar,
            Begun::Open(values) => {
                self.finish(values)?;
                Scalar::Other
            }
        };
        let end = self.at;
        Some(Item { scalar, start, end })
    }

    /// Reads one value that must be a text in one piece.
    #[inline]
    pub fn text(&mut self) -> Option<&'a [u8]> {
        let Scalar::Text(text) = self.string()? else {
            return None;
        };
        Some(text)
    }

    pub(crate) fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at = self.at.saturating_add(1);
        Some(byte)
    }

    pub(crate) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    pub(crate) fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(len)?;
        let bytes = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(bytes)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.first_chunk().copied()
    }

    /// An integer of at most 32 bits.
    pub(crate) fn int(&mut self) -> Option<i32> {
        let tag = self.byte()?;
        self.int_of(tag)
    }

    /// A length or a reference: an integer that is not negative.
    pub(crate) fn count(&mut self) -> Option<u32> {
        u32::try_from(self.int()?).ok()
    }

    fn int_of(&mut self, tag: u8) -> Option<i32> {
        let tag_value = i32::from(tag);
        match tag {
            0x80..=0xbf => tag_value.checked_sub(0x90),
            0xc0..=0xcf => self.high_and_low(tag_value.checked_sub(0xc8)?, 1),
            0xd0..=0xd7 => self.high_and_low(tag_value.checked_sub(0xd4)?, 2),
            b'I' => Some(i32::from_be_bytes(self.array()?)),
            _ => None,
        }
    }

    /// `high` before `bytes` more bytes.
    fn high_and_low(&mut self, high: i32, bytes: usize) -> Option<i32> {
        let low = self.take(bytes)?;
        let value = low
            .iter()
            .fold(high, |value, byte| value << 8 | i32::from(*byte));
        Some(value)
    }

    /// Reads the beginning of a value, past any class definitions before it.
    fn begin(&mut self) -> Option<Begun<'a>> {
        loop {
            let tag = self.byte()?;
            let defines = match self.dialect {
                Dialect::Final => tag == b'C',
                Dialect::Draft => tag == b'O',
            };
            if !defines {
                return match self.shared(tag)? {
                    Some(scalar) => Some(Begun::Leaf(scalar)),
                    None => match self.dialect {
                        Dialect::Final => self.begin_final(tag),
                        Dialect::Draft => self.begin_draft(tag),
                    },
                };
            }
            self.class()?;
        }
    }

    /// What both dialects write alike. `Some(None)`: it is none of these.
    fn shared(&mut self, tag: u8) -> Option<Option<Scalar<'a>>> {
        let scalar = match tag {
            b'N' => Scalar::Null,
            b'T' => Scalar::Bool(true),
            b'F' => Scalar::Bool(false),
            0x80..=0xd7 | b'I' => Scalar::Int(self.int_of(tag)?.into()),
            0xd8..=0xef => Scalar::Int(i64::from(tag).checked_sub(0xe0)?),
            0xf0..=0xff => {
                let high = i32::from(tag).checked_sub(0xf8)?;
                Scalar::Int(self.high_and_low(high, 1)?.into())
            }
            0x38..=0x3f => {
                let high = i32::from(tag).checked_sub(0x3c)?;
                Scalar::Int(self.high_and_low(high, 2)?.into())
            }
            b'L' => Scalar::Int(i64::from_be_bytes(self.array()?)),
            b'D' => self.other(8)?,
            0x20..=0x2f => self.other(usize::from(tag & 0x0f))?,
            0x00..=0x1f | b'S' => self.string_of(tag)?,
            _ => return Some(None),
        };
        Some(Some(scalar))
    }

    /// A leaf of so many bytes that nobody reads.
    fn other(&mut self, bytes: usize) -> Option<Scalar<'a>> {
        self.take(bytes)?;
        Some(Scalar::Other)
    }

    fn begin_final(&mut self, tag: u8) -> Option<Begun<'a>> {
        let leaf = match tag {
            0x59 => Scalar::Int(i32::from_be_bytes(self.array()?).into()),
            0x5b | 0x5c => Scalar::Other,
            0x5d => self.other(1)?,
            0x5e => self.other(2)?,
            0x5f | 0x4b => self.other(4)?,
            0x4a => self.other(8)?,
            b'R' | 0x30..=0x33 => self.string_of(tag)?,
            b'A' | b'B' | 0x34..=0x37 => self.binary(tag)?,
            0x51 => {
                self.int()?;
                Scalar::Other
            }
            _ => return self.open_final(tag),
        };
        Some(Begun::Leaf(leaf))
    }

    fn open_final(&mut self, tag: u8) -> Option<Begun<'a>> {
        let values = match tag {
            0x55 => {
                self.type_name()?;
                UNTIL_END
            }
            0x57 | b'H' => UNTIL_END,
            0x56 => {
                self.type_name()?;
                self.count()?
            }
            0x58 => self.count()?,
            0x70..=0x77 => {
                self.type_name()?;
                u32::from(tag & 7)
            }
            0x78..=0x7f => u32::from(tag & 7),
            b'M' => {
                self.type_name()?;
                UNTIL_END
            }
            b'O' => {
                let class = self.count()?;
                self.fields_of(class)?
            }
            0x60..=0x6f => self.fields_of(u32::from(tag & 0x0f))?,
            _ => return None,
        };
        Some(Begun::Open(values))
    }

    fn begin_draft(&mut self, tag: u8) -> Option<Begun<'a>> {
        let leaf = match tag {
            0x77 => Scalar::Int(i32::from_be_bytes(self.array()?).into()),
            0x67 | 0x68 => Scalar::Other,
            0x69 | 0x4a => self.other(1)?,
            0x6a | 0x4b => self.other(2)?,
            0x6b | 0x52 => self.other(4)?,
            0x64 => self.other(8)?,
            b's' => self.string_of(tag)?,
            b'b' | b'B' => self.binary(tag)?,
            _ => return self.open_draft(tag),
        };
        Some(Begun::Leaf(leaf))
    }

    fn open_draft(&mut self, tag: u8) -> Option<Begun<'a>> {
        let values = match tag {
            b'V' => {
                self.draft_type()?;
                match self.peek()? {
                    b'n' => self.take(2)?,
                    b'l' => self.take(5)?,
                    _ => &[],
                };
                UNTIL_END
            }
            b'v' => {
                self.int()?;
                self.count()?
            }
            b'M' => {
                self.draft_type()?;
                UNTIL_END
            }
            b'H' => UNTIL_END,
            b'o' => {
                let class = self.count()?;
                self.fields_of(class)?
            }
            _ => return None,
        };
        Some(Begun::Open(values))
    }

    /// Remembers how many fields a class has.
    pub(crate) fn remember_class(&mut self, fields: u32) -> Option<()> {
        if self.classes.len() >= CLASSES_MAX {
            return None;
        }
        self.classes.push(fields);
        Some(())
    }

    pub(crate) fn fields_of(&self, class: u32) -> Option<u32> {
        self.classes.get(usize::try_from(class).ok()?).copied()
    }

    /// Whether the end mark of a list or map is next; it is taken if it is.
    pub(crate) fn ends(&mut self) -> Option<bool> {
        let mark = match self.dialect {
            Dialect::Final => b'Z',
            Dialect::Draft => b'z',
        };
        let ends = self.peek()? == mark;
        if ends {
            self.at = self.at.saturating_add(1);
        }
        Some(ends)
    }

    /// Walks the values that an open one holds.
    fn finish(&mut self, values: u32) -> Option<()> {
        let mut outer = [0u32; DEPTH_MAX];
        let mut depth = 0usize;
        let mut left = values;
        loop {
            let ended = match left {
                UNTIL_END => self.ends()?,
                left => left == 0,
            };
            if ended {
                let Some(above) = depth.checked_sub(1) else {
                    return Some(());
                };
                depth = above;
                left = *outer.get(depth)?;
                continue;
            }
            if left != UNTIL_END {
                left = left.saturating_sub(1);
            }
            if let Begun::Open(values) = self.begin()? {
                *outer.get_mut(depth)? = left;
                depth = depth.saturating_add(1);
                left = values;
            }
        }
    }
}

#[cfg(test)]
mod tests;
