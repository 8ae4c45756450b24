//! What rules may ask for: service, method, keys, and the names of opcodes.

use weft_codec::KeyNames;
use weft_ron::Step;

use super::Checker;
use super::frame::{Holds, Shape, Slot};
use super::table::Ranges;
use crate::program::{Key, KeyOf, Readable, Reader};
use crate::raw::Protocol;

/// The names of values, by field.
pub(super) type Names = Vec<(String, Ranges<String>)>;

impl Checker<'_> {
    /// The lookup tables that give values of integers names.
    pub(super) fn names(&mut self, raw: &Protocol, shape: &Shape) -> Names {
        let mut names: Names = Vec::new();
        for (field, table) in &raw.names.0 {
            let at = [Step::Field("names"), Step::Key(field)];
            let is_number = |holds: &Holds| matches!(holds, Holds::Int(_) | Holds::Enum(_));
            let slot = self.slot(shape, field, &at, "an Int or Enum", is_number);
            let Some(number) = slot.and_then(|slot| slot.holds.number()) else {
                continue;
            };
            if names.iter().any(|(named, _)| named == field) {
                self.refuse(&at, format!("`{field}` has two tables"), "join them");
                continue;
            }
            let path = |line| [&at[..], &[Step::Index(line)]].concat();
            let lines: Vec<_> = table.0.iter().map(|(of, name)| (*of, name)).collect();
            let ranges = self.ranges(number, &lines, path, "two names for one value");
            let owned = ranges.into_iter();
            let owned = owned.map(|(first, last, name)| (first, last, name.clone()));
            names.push((field.clone(), owned.collect()));
        }
        names
    }

    /// The reader of `service` or `method`.
    pub(super) fn reader(
        &mut self,
        name: Option<&str>,
        word: &'static str,
        shape: &Shape,
        names: &Names,
    ) -> Option<Reader> {
        let path = [Step::Field(word)];
        let types = "an Int, Enum, Str or Bytes";
        let slot = self.slot(shape, name?, &path, types, is_readable)?;
        readable(slot, names)
    }

    /// The keys, and their names for rules.
    pub(super) fn keys(
        &mut self,
        raw: &Protocol,
        shape: &Shape,
        names: &Names,
    ) -> (Vec<Key>, KeyNames) {
        let mut keys = Vec::new();
        let mut known = KeyNames::default();
        for (index, name) in raw.keys.iter().enumerate() {
            let path = [Step::Field("keys"), Step::Index(index)];
            let repeated = raw.keys.iter().take(index).any(|before| before == name);
            if repeated || known.contains(name) {
                self.refuse(
                    &path,
                    format!("no rule could reach the key `{name}`: one before it takes its name"),
                    "remove one of them",
                );
                continue;
            }
            let Some(key) = self.key(name, &path, shape, names) else {
                continue;
            };
            match &key.of {
                KeyOf::AnyEntry(..) => known.prefixes.push(key.name.clone()),
                KeyOf::Field(_) | KeyOf::Entry(..) => known.fixed.push(key.name.clone()),
            }
            keys.push(key);
        }
        (keys, known)
    }

    /// One key: a field, `map.*`, or `map.entry`.
    fn key(&mut self, name: &str, path: &[Step<'_>], shape: &Shape, names: &Names) -> Option<Key> {
        let Some((map, entry)) = name.split_once('.') else {
            let is_map = |slot: &Slot| slot.name == name && matches!(slot.holds, Holds::Map(_));
            if shape.slots.iter().any(is_map) {
                self.refuse(
                    path,
                    format!("no rule could reach the key `{name}`: a whole Map is no value"),
                    format!("write `{name}.*` for all its entries, or `{name}.entry` for one"),
                );
                return None;
            }
            let types = "an Int, Enum, Str, Bytes or entry of a Map";
            let slot = self.slot(shape, name, path, types, is_readable)?;
            return Some(Key {
                name: name.to_owned(),
                of: KeyOf::Field(readable(slot, names)?),
            });
        };
        let is_map = |holds: &Holds| matches!(holds, Holds::Map(_));
        let slot = self.slot(shape, map, path, "a Map", is_map)?;
        let Holds::Map(entries) = slot.holds else {
            return None;
        };
        if entry.is_empty() || (entry != "*" && entry.contains('*')) {
            self.refuse(
                path,
                format!("`{name}` names no entry of `{map}`"),
                format!("write `{map}.*` for all entries, or `{map}.entry` for one"),
            );
            return None;
        }
        Some(if entry == "*" {
            Key {
                name: format!("{map}."),
                of: KeyOf::AnyEntry(slot.place, entries),
            }
        } else {
            Key {
                name: name.to_owned(),
                of: KeyOf::Entry(slot.place, entries, entry.to_owned()),
            }
        })
    }
}

/// Whether rules can compare it.
fn is_readable(holds: &Holds) -> bool {
    matches!(
        holds,
        Holds::Int(_) | Holds::Enum(_) | Holds::Run(_) | Holds::Fixed(_)
    )
}

/// The reader of a field that [`is_readable`].
fn readable(slot: &Slot, names: &Names) -> Option<Reader> {
    let what = match slot.holds {
        Holds::Int(number) | Holds::Enum(number) => {
            let named = names.iter().find(|(field, _)| *field == slot.name);
            let named = named.map_or_else(Vec::new, |(_, names)| names.clone());
            Readable::Number(number, named)
        }
        Holds::Run(number) => Readable::Run(number),
        Holds::Fixed(bytes) => Readable::Fixed(bytes),
        _ => return None,
    };
    Some(Reader {
        place: slot.place,
        what,
    })
}
