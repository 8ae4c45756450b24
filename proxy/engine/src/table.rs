//! Rows that are found by index and told apart by generation, so that a key that outlives its
//! row finds nothing instead of its successor.

use std::marker::PhantomData;
use std::num::NonZeroU32;

/// Finds one row of a [`Table`]; never finds another that took its place.
pub(crate) struct Key<T> {
    index: u32,
    /// Never 0, so that an optional key is no larger than a key.
    generation: NonZeroU32,
    of: PhantomData<fn() -> T>,
}

impl<T> Key<T> {
    /// The key as 63 bits: generation above index.
    pub(crate) const fn bits(self) -> u64 {
        (self.generation.get() as u64) << 32 | self.index as u64
    }

    /// The key that [`Key::bits`] gave.
    pub(crate) const fn from_bits(bits: u64) -> Self {
        let generation = match NonZeroU32::new((bits >> 32) as u32 & GENERATIONS) {
            Some(generation) => generation,
            // No row ever has it: rows begin with generation 1, and with index 0.
            None => NonZeroU32::MAX,
        };
        Self {
            index: bits as u32,
            generation,
            of: PhantomData,
        }
    }
}

impl<T> Clone for Key<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Key<T> {}
impl<T> PartialEq for Key<T> {
    fn eq(&self, other: &Self) -> bool {
        self.index == other.index && self.generation == other.generation
    }
}
impl<T> Eq for Key<T> {}
impl<T> std::fmt::Debug for Key<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.index, self.generation)
    }
}

/// Generations stay within 31 bits: the highest bit of a connection's id tells its side.
const GENERATIONS: u32 = u32::MAX >> 1;

/// Rows by [`Key`]; a freed row is used again first, while it is still in the cache.
#[derive(Debug)]
pub(crate) struct Table<T> {
    rows: Vec<Row<T>>,
    free: Vec<u32>,
}

#[derive(Debug)]
struct Row<T> {
    generation: NonZeroU32,
    value: Option<T>,
}

impl<T> Table<T> {
    pub(crate) const fn new() -> Self {
        Self {
            rows: Vec::new(),
            free: Vec::new(),
        }
    }

    /// Number of rows in use.
    pub(crate) fn len(&self) -> usize {
        self.rows.len() - self.free.len()
    }

    #[inline(always)]
    pub(crate) fn insert(&mut self, value: T) -> Key<T> {
        if let Some(index) = self.free.pop()
            && let Some(row) = self.rows.get_mut(index as usize)
        {
            row.value = Some(value);
            return Key {
                index,
                generation: row.generation,
                of: PhantomData,
            };
        }
        // Rows are bounded by the settings, far below 2^32.
        let index = self.rows.len() as u32;
        self.rows.push(Row {
            generation: NonZeroU32::MIN,
            value: Some(value),
        });
        Key {
            index,
            generation: NonZeroU32::MIN,
            of: PhantomData,
        }
    }

    #[inline]
    pub(crate) fn get(&self, key: Key<T>) -> Option<&T> {
        match self.rows.get(key.index as usize) {
            Some(row) if row.generation == key.generation => row.value.as_ref(),
            _ => None,
        }
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, key: Key<T>) -> Option<&mut T> {
        match self.rows.get_mut(key.index as usize) {
            Some(row) if row.generation == key.generation => row.value.as_mut(),
            _ => None,
        }
    }

    /// Drops a row where it stands, without moving it out first.
    #[inline]
    pub(crate) fn discard(&mut self, key: Key<T>) {
        if let Some(row) = self.rows.get_mut(key.index as usize)
            && row.generation == key.generation
            && row.value.is_some()
        {
            row.value = None;
            row.generation = after(row.generation);
            self.free.push(key.index);
        }
    }

    pub(crate) fn remove(&mut self, key: Key<T>) -> Option<T> {
        let row = self.rows.get_mut(key.index as usize)?;
        if row.generation != key.generation {
            return None;
        }
        let value = row.value.take()?;
        row.generation = after(row.generation);
        self.free.push(key.index);
        Some(value)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Key<T>, &T)> {
        self.rows.iter().enumerate().filter_map(|(index, row)| {
            let key = Key {
                index: index as u32,
                generation: row.generation,
                of: PhantomData,
            };
            row.value.as_ref().map(|value| (key, value))
        })
    }

    pub(crate) fn keys(&self) -> Vec<Key<T>> {
        self.iter().map(|(key, _)| key).collect()
    }
}

/// The next generation; the one after the last is the first again.
const fn after(generation: NonZeroU32) -> NonZeroU32 {
    match NonZeroU32::new((generation.get() + 1) & GENERATIONS) {
        Some(next) => next,
        None => NonZeroU32::MIN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_does_not_find_the_row_that_took_its_place() {
        let mut table = Table::new();
        let first = table.insert('a');
        assert_eq!(table.remove(first), Some('a'));
        let second = table.insert('b');
        assert_eq!(table.get(first), None);
        assert_eq!(table.remove(first), None);
        assert_eq!(table.get(second), Some(&'b'));
        assert_eq!(table.len(), 1);
        assert_eq!(Key::from_bits(second.bits()), second);
    }
}
