//! Maps and objects, entry by entry.

use crate::{Dialect, Item, Reader};

impl<'a> Reader<'a> {
    /// Reads a map and gives its entries to `each`, in order, until `each` answers `false`; then
    /// the reader stands behind that entry. `None`: it is no map, or not all there.
    pub fn map(&mut self, mut each: impl FnMut(Item<'a>, Item<'a>) -> bool) -> Option<()> {
        match (self.byte()?, self.dialect) {
            (b'H', _) => {}
            (b'M', Dialect::Final) => self.type_name()?,
            (b'M', Dialect::Draft) => self.draft_type()?,
            _ => return None,
        }
        while !self.ends()? {
            let key = self.item()?;
            let value = self.item()?;
            if !each(key, value) {
                break;
            }
        }
        Some(())
    }

    /// Reads an object whose class is defined right before it, and gives its fields to `each`, in
    /// order, until `each` answers `false`. Answers the name of the class. `None`: it is no such
    /// object, or not all there.
    pub fn object(&mut self, mut each: impl FnMut(&'a [u8], Item<'a>) -> bool) -> Option<&'a [u8]> {
        let defines = match self.dialect {
            Dialect::Final => b'C',
            Dialect::Draft => b'O',
        };
        if self.byte()? != defines {
            return None;
        }
        let own = u32::try_from(self.classes.len()).ok()?;
        let (class, names_at) = self.class()?;
        let made = match (self.byte()?, self.dialect) {
            (b'o', Dialect::Draft) | (b'O', Dialect::Final) => self.count()?,
            (tag @ 0x60..=0x6f, Dialect::Final) => u32::from(tag & 0x0f),
            _ => return None,
        };
        if made != own {
            return None;
        }
        let mut names = self.clone();
        names.at = names_at;
        for _ in 0..self.fields_of(own)? {
            let name = names.text()?;
            let value = self.item()?;
            if !each(name, value) {
                break;
            }
        }
        Some(class)
    }

    /// Reads a class definition behind its tag; answers its name and where the names of its
    /// fields begin.
    pub(crate) fn class(&mut self) -> Option<(&'a [u8], usize)> {
        let name = match self.dialect {
            Dialect::Final => self.text()?,
            Dialect::Draft => {
                let length = self.count()?;
                self.characters(usize::try_from(length).ok()?)?
            }
        };
        let fields = self.count()?;
        let names_at = self.at;
        for _ in 0..fields {
            self.text()?;
        }
        self.remember_class(fields)?;
        Some((name, names_at))
    }

    /// The type of a list or map in the final dialect: a name, or the number of one.
    pub(crate) fn type_name(&mut self) -> Option<()> {
        match self.peek()? {
            0x80..=0xd7 | b'I' => self.int().map(|_| ()),
            // Nothing but a text, so that types cannot be nested.
            _ => self.text().map(|_| ()),
        }
    }

    /// The type of a list or map in the draft, which may be missing.
    pub(crate) fn draft_type(&mut self) -> Option<()> {
        match self.peek()? {
            b't' => {
                self.byte()?;
                let length = self.take(2)?.first_chunk()?;
                self.take(usize::from(u16::from_be_bytes(*length)))?;
            }
            b'T' | b'u' => {
                self.byte()?;
                self.int()?;
            }
            _ => {}
        }
        Some(())
    }
}
