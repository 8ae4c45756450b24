//! Looking a command up by its name, in any case, in a few nanoseconds.
//!
//! Called once per request by [`crate::request`], and by number whenever a field is asked for.
//! The index over [`crate::table`] is built by the compiler. Knows nothing of frames.

use weft_codec::Span;

use crate::local::Local;
use crate::table::GROUPS;

/// Commands that share their keys' places and their role.
pub(crate) struct Group {
    pub(crate) keys: Keys,
    pub(crate) role: Role,
    pub(crate) names: &'static [&'static str],
}

/// One command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Command {
    /// In upper case; empty for what is not known.
    pub(crate) name: &'static str,
    pub(crate) keys: Keys,
    pub(crate) role: Role,
    /// The first 16 bytes of the name.
    packed: u128,
}

/// Where the keys of a command stand among its words; word 0 is the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keys {
    /// It has none.
    None,
    /// From `first` to `last`, each `step`-th word; a negative `last` counts from the end.
    Range { first: u8, last: i8, step: u8 },
    /// Word `at` says how many keys follow it.
    Counted { at: u8 },
    /// A destination at 1, a count at 2, and so many keys.
    StoreAndCounted,
    /// The first half of what follows `STREAMS`.
    Streams,
    /// Word 1, and the word after `STORE`.
    Sort,
    /// Word 1, and the words after `STORE` and `STOREDIST`.
    GeoRadius,
    /// Word 3, or, where that is empty, everything after `KEYS`.
    Migrate,
}

impl Keys {
    pub(crate) const fn range(first: u8, last: i8, step: u8) -> Self {
        Self::Range { first, last, step }
    }

    pub(crate) const fn counted(at: u8) -> Self {
        Self::Counted { at }
    }
}

/// What a command does to its connection; some must look at their words to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Stateless,
    Facet(Facet),
    Local(Local),
    Reset,
    Quit,
    Blocking,
    Pin,
    /// Opens a state of which nobody knows how it closes: unknown commands.
    Session,
    Unpin,
    Tunnel,
    /// Blocking if a word `BLOCK` stands before `STREAMS`.
    MayBlock,
    /// A facet if it names a protocol version.
    Hello,
    /// `CLIENT` and its subcommands.
    Client,
    /// `SCRIPT` and its subcommands.
    Script,
}

/// What of a connection is replayed on each lane, with the number the engine knows it by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Facet {
    Hello = 0,
    Auth = 1,
    Select = 2,
    ReadMode = 3,
    NoEvict = 4,
    NoTouch = 5,
}

impl Facet {
    /// The number that the engine knows it by.
    pub(crate) const fn number(self) -> u64 {
        self as u64
    }
}

/// The number of a command that is not in the table.
pub(crate) const UNKNOWN: u16 = 0;

/// The longest name that is looked up.
pub(crate) const NAME_BYTES_MAX: usize = 24;

const COMMANDS: usize = count();
const SLOT_BITS: u32 = 10;
const SLOTS: usize = 1 << SLOT_BITS;

static TABLE: [Command; COMMANDS] = table();
static INDEX: [u16; SLOTS] = index();

/// A command that was looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// Its number; [`UNKNOWN`] if there is none of this name.
    pub(crate) number: u16,
    /// Whether the name is written without a letter in lower case.
    pub(crate) upper: bool,
}

/// The number of the command called `name`, in any case; [`UNKNOWN`] if there is none.
pub(crate) fn number_of(name: &[u8]) -> u16 {
    let mut bytes = [0_u8; 16];
    for (to, from) in bytes.iter_mut().zip(name) {
        *to = *from;
    }
    find(u128::from_le_bytes(bytes), name).number
}

/// The command whose name stands at `span` of `frame`.
///
/// In a pipeline enough bytes follow to take all of the name at once.
#[inline]
pub(crate) fn at(frame: &[u8], span: Span) -> Found {
    let name = span.of(frame).unwrap_or_default();
    let from = frame.get(span.start as usize..).unwrap_or_default();
    if let Some(bytes) = from.first_chunk::<16>() {
        let others = 16_u32.saturating_sub(span.len).wrapping_mul(8);
        let kept = u128::MAX.checked_shr(others).unwrap_or_default();
        return find(u128::from_le_bytes(*bytes) & kept, name);
    }
    Found {
        number: number_of(name),
        upper: !name.iter().any(u8::is_ascii_lowercase),
    }
}

/// Looks a name up whose first 16 bytes are `packed`.
#[inline]
fn find(packed: u128, name: &[u8]) -> Found {
    let shouted = in_upper_case(packed);
    let upper = shouted == packed && (name.len() <= 16 || !name.iter().any(u8::is_ascii_lowercase));
    let mut slot = slot_of(shouted);
    loop {
        // The index is at most a third full, so an empty slot ends every search.
        let number = INDEX.get(slot).copied().unwrap_or(UNKNOWN);
        if number == UNKNOWN {
            return Found { number, upper };
        }
        let command = by_number(number);
        if command.packed == shouted
            && command.name.len() == name.len()
            && (name.len() <= 16 || command.name.as_bytes().eq_ignore_ascii_case(name))
        {
            return Found { number, upper };
        }
        slot = next_slot(slot);
    }
}

/// Sixteen bytes at once, each letter from `a` to `z` to upper case.
#[inline]
const fn in_upper_case(bytes: u128) -> u128 {
    const EACH: u128 = u128::from_le_bytes([1; 16]);
    const HIGH: u128 = EACH.wrapping_mul(0x80);
    let low = bytes & !HIGH;
    // A byte's highest bit is set by these sums from `a`, and from past `z`, upwards.
    let from_a = low.wrapping_add(EACH.wrapping_mul(0x80 - 0x61));
    let past_z = low.wrapping_add(EACH.wrapping_mul(0x80 - 0x7b));
    let letters = from_a & !past_z & !bytes & HIGH;
    // 0x80 moved by two is 0x20, which is all that tells the cases apart.
    bytes ^ (letters >> 2)
}

/// The command of a number.
#[inline]
pub(crate) fn by_number(number: u16) -> &'static Command {
    static NOT_KNOWN: Command = UNKNOWN_COMMAND;
    TABLE.get(usize::from(number)).unwrap_or(&NOT_KNOWN)
}

const UNKNOWN_COMMAND: Command = Command {
    name: "",
    keys: Keys::None,
    role: Role::Session,
    packed: 0,
};

#[expect(
    clippy::cast_possible_truncation,
    reason = "the halves of a number are meant, and the shift leaves ten bits"
)]
const fn slot_of(packed: u128) -> usize {
    let folded = (packed as u64) ^ ((packed >> 64) as u64).rotate_left(29);
    (folded.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - SLOT_BITS)) as usize
}

const fn next_slot(slot: usize) -> usize {
    slot.wrapping_add(1) % SLOTS
}

#[expect(
    clippy::arithmetic_side_effects,
    reason = "run by the compiler only, which refuses an overflow"
)]
const fn count() -> usize {
    let mut total = 1;
    let mut at = 0;
    while at < GROUPS.len() {
        total += group_at(at).names.len();
        at += 1;
    }
    total
}

#[expect(
    clippy::indexing_slicing,
    reason = "run by the compiler only, which refuses a wrong index"
)]
const fn group_at(at: usize) -> &'static Group {
    &GROUPS[at]
}

#[expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "run by the compiler only, which refuses a wrong index"
)]
const fn table() -> [Command; COMMANDS] {
    let mut commands = [UNKNOWN_COMMAND; COMMANDS];
    let mut next = 1;
    let mut at = 0;
    while at < GROUPS.len() {
        let group = group_at(at);
        let mut word = 0;
        while word < group.names.len() {
            let name = group.names[word];
            commands[next] = Command {
                name,
                keys: group.keys,
                role: group.role,
                packed: packed_name(name.as_bytes()),
            };
            next += 1;
            word += 1;
        }
        at += 1;
    }
    commands
}

#[expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "run by the compiler only, which refuses a wrong index"
)]
const fn packed_name(name: &[u8]) -> u128 {
    let mut bytes = [0_u8; 16];
    let mut at = 0;
    while at < name.len() && at < bytes.len() {
        bytes[at] = name[at];
        at += 1;
    }
    u128::from_le_bytes(bytes)
}

#[expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "run by the compiler only, over a few hundred commands"
)]
const fn index() -> [u16; SLOTS] {
    let mut slots = [UNKNOWN; SLOTS];
    let commands = table();
    let mut number = 1;
    while number < COMMANDS {
        let mut slot = slot_of(commands[number].packed);
        while slots[slot] != UNKNOWN {
            slot = next_slot(slot);
        }
        slots[slot] = number as u16;
        number += 1;
    }
    slots
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_found_in_any_case() {
        for (number, command) in TABLE.iter().enumerate().skip(1) {
            let name = command.name;
            for spelt in [name.to_string(), name.to_lowercase(), mixed(name)] {
                assert_eq!(usize::from(number_of(spelt.as_bytes())), number, "{spelt}");
                let frame = format!("${spelt}\r\n*2 and whatever else follows");
                let span = Span::new(1, u32::try_from(spelt.len()).unwrap());
                let found = at(frame.as_bytes(), span);
                assert_eq!(usize::from(found.number), number);
                assert_eq!(found.upper, spelt == name);
            }
        }
    }

    fn mixed(name: &str) -> String {
        name.char_indices()
            .map(|(at, c)| {
                if at % 2 == 0 {
                    c.to_ascii_lowercase()
                } else {
                    c
                }
            })
            .collect()
    }

    #[test]
    fn names_stand_in_the_table_once_and_in_upper_case() {
        let mut names: Vec<_> = TABLE.iter().skip(1).map(|command| command.name).collect();
        for name in &names {
            assert!(name.len() <= NAME_BYTES_MAX && !name.is_empty());
            assert_eq!(*name, name.to_ascii_uppercase());
        }
        names.sort_unstable();
        let before = names.len();
        names.dedup();
        assert_eq!(before, names.len());
        assert!(before * 3 < SLOTS, "the index stays sparse");
    }

    #[test]
    fn only_letters_change_their_case() {
        for byte in 0..=u8::MAX {
            let upper = in_upper_case(u128::from_le_bytes([byte; 16])).to_le_bytes();
            assert_eq!(upper, [byte.to_ascii_uppercase(); 16]);
        }
    }

    #[test]
    fn other_names_are_unknown_and_pin() {
        for name in [
            &b""[..],
            b"GE",
            b"GETT",
            b"G\0T",
            b"GET\0",
            b"GEORADIUSBYMEMBER_RX",
            b"A-NAME-THAT-IS-LONGER-THAN-ANY-COMMAND",
        ] {
            assert_eq!(number_of(name), UNKNOWN, "{}", name.escape_ascii());
        }
        assert_eq!(by_number(UNKNOWN).role, Role::Session);
        assert_eq!(by_number(u16::MAX).role, Role::Session);
    }
}
