//! What rules may ask for: service, method, keys, and the names of opcodes.

use weft_codec::KeyNames;
use weft_ron::Step;

use super::Checker;
use super::shape::{Holds, Shape, Slot};
use crate::program::{Ask, Key, KeyOf, Want};
use crate::raw::Protocol;

/// The most fields that choose an instance: each request is asked for all of them.
const HASH_KEYS_MAX: usize = 8;

impl Checker<'_> {
    /// The lookup tables that give values of integers names.
    pub(super) fn names(&mut self, raw: &Protocol, shape: &mut Shape) {
        let mut named: Vec<&str> = Vec::new();
        for (name, table) in &raw.names.0 {
            let at = [Step::Field("names"), Step::Key(name)];
            let is_number = |holds: Holds| holds.is_number();
            let found = self.field(shape, name, &at, ("an Int or Enum", is_number));
            let Some(field) = found else { continue };
            if named.contains(&name.as_str()) {
                self.refuse(&at, format!("`{name}` has two tables"), "join them");
                continue;
            }
            named.push(name);
            let path = |line| [&at[..], &[Step::Index(line)]].concat();
            let ranges = self.ranges((shape, field), &table.0, path, "two names for one value");
            let names = ranges.into_iter().filter_map(|(want, name)| match want {
                Want::Range(first, last) => Some((first, last, name)),
                Want::Present => Some((i128::MIN, i128::MAX, name)),
                Want::Text(_) | Want::From(_) => None,
            });
            if let Some(field) = shape.fields.get_mut(field) {
                field.names = names.collect();
            }
        }
    }

    /// The field of `service` or `method`.
    pub(super) fn reader(
        &mut self,
        name: Option<&str>,
        word: &'static str,
        shape: &Shape,
    ) -> Option<Ask> {
        let path = [Step::Field(word)];
        let types = ("an Int, Enum, Str or Bytes", Holds::is_readable);
        self.field(shape, name?, &path, types).map(Ask::of)
    }

    /// Methods that may be repeated are known by their names.
    pub(super) fn idempotent(&mut self, raw: &Protocol) {
        for (index, pattern) in raw.idempotent.iter().enumerate() {
            let path = [Step::Field("idempotent"), Step::Index(index)];
            if raw.method.is_none() {
                self.refuse(
                    &path,
                    format!("`{pattern}` names a method, but the description has none"),
                    "add method: \"field\"",
                );
                return;
            }
            let inner = pattern.strip_suffix('*').unwrap_or(pattern);
            if pattern.is_empty() || inner.contains('*') {
                self.refuse(
                    &path,
                    format!("`{pattern}` matches no name of a method"),
                    "write a name, or the beginning of one and `*`: \"get*\"",
                );
            }
        }
    }

    /// The fields that choose an instance on the ring.
    pub(super) fn hash_keys(&mut self, raw: &Protocol, shape: &Shape) -> Vec<Ask> {
        let mut asks: Vec<Ask> = Vec::new();
        for (index, name) in raw.hash_keys.iter().enumerate() {
            let path = [Step::Field("hash_keys"), Step::Index(index)];
            if index == HASH_KEYS_MAX {
                let message = format!("more than {HASH_KEYS_MAX} keys of one request");
                self.refuse(&path, message, "name those that say where data lives");
                break;
            }
            if raw
                .hash_keys
                .iter()
                .take(index)
                .any(|before| before == name)
            {
                self.refuse(
                    &path,
                    format!("`{name}` is named twice"),
                    "remove one of them",
                );
                continue;
            }
            let types = ("an Int, Enum, Str or Bytes", Holds::is_readable);
            asks.extend(self.field(shape, name, &path, types).map(Ask::of));
        }
        asks
    }

    /// The keys, and their names for rules.
    pub(super) fn keys(&mut self, raw: &Protocol, shape: &Shape) -> (Vec<Key>, KeyNames) {
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
            let Some(key) = self.key(name, &path, shape) else {
                continue;
            };
            match &key.of {
                KeyOf::AnyEntry(_) => known.prefixes.push(key.name.clone()),
                KeyOf::Field(_) | KeyOf::Entry(..) => known.fixed.push(key.name.clone()),
            }
            keys.push(key);
        }
        (keys, known)
    }

    /// One key: a field, `map.*`, or `map.entry`.
    fn key(&mut self, name: &str, path: &[Step<'_>], shape: &Shape) -> Option<Key> {
        let Some((map, entry)) = name.split_once('.') else {
            if shape
                .slot(name)
                .is_some_and(|slot| slot.holds == Holds::Map)
            {
                self.refuse(
                    path,
                    format!("no rule could reach the key `{name}`: a whole Map is no value"),
                    format!("write `{name}.*` for all its entries, or `{name}.entry` for one"),
                );
                return None;
            }
            let types = (
                "an Int, Enum, Str, Bytes or entry of a Map",
                Holds::is_readable,
            );
            let field = self.field(shape, name, path, types)?;
            return Some(Key {
                name: name.to_owned(),
                of: KeyOf::Field(field),
                quick: None,
            });
        };
        let is_map = |holds: Holds| holds == Holds::Map;
        self.slot(shape, map, path, ("a Map", is_map))?;
        let same = |slot: &&Slot| slot.name == map && slot.holds == Holds::Map;
        let groups = shape.slots.iter().filter(same);
        let groups: Vec<usize> = groups.filter_map(|slot| slot.group).collect();
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
                of: KeyOf::AnyEntry(groups),
                quick: None,
            }
        } else {
            Key {
                name: name.to_owned(),
                of: KeyOf::Entry(groups, entry.to_owned()),
                quick: None,
            }
        })
    }
}
