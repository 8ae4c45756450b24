//! Which exchange an answer on a lane belongs to.
//!
//! Cross-talk is the worst bug there is. By id, a wire id is a slot and the slot's generation
//! within the protocol's id domain; slots are used again in turn, the longest free first, so an
//! id comes back as late as the domain allows. In order, the queue keeps a tombstone for each
//! abandoned exchange. An abandoned entry stays until its answer comes or the lane dies.

use std::collections::VecDeque;

use weft_codec::IdDomain;

use crate::Nanos;
use crate::exchange::ExchangeKey;

/// Ids of a large domain: given out a million times a second, none comes again for 1,000 s.
const LARGE: u64 = 1 << 30;

/// What stands under a wire id, or at a place in the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// A live exchange.
    Live(ExchangeKey),
    /// An abandoned one: its answer is to be dropped. `timed_out` tells a server that is slow
    /// from a client that left; the client's own id finds it on a lane of the client's own.
    Abandoned { timed_out: bool, caller_id: u64 },
    /// A one-way request that the server may answer.
    Lingering,
    /// A ping of ours, and when it was said.
    Ping { said: Nanos },
}

/// Answers that are awaited on a lane.
#[derive(Debug)]
pub(crate) enum Pending {
    /// Found by id.
    ById(Slots),
    /// Found by position.
    InOrder(VecDeque<Entry>),
}

/// A table of wire ids.
#[derive(Debug)]
pub(crate) struct Slots {
    first: u64,
    /// Low bits of an ordinal that name the slot.
    index_bits: u32,
    /// Generations that the domain has room for, at least 1.
    generations: u64,
    /// The generation of fresh slots.
    start: u64,
    slots: Vec<Slot>,
    free: VecDeque<u32>,
    /// Slots that were never used lie at and above this many.
    slots_max: usize,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    generation: u64,
    entry: Option<Entry>,
}

impl Slots {
    /// Room for `depth` exchanges and as many abandoned ones again, if the domain has it.
    /// A lane's ids begin at a generation that `start` draws, so that an id of one lane that a
    /// broken server sends on another hardly ever meets a live exchange there.
    pub(crate) fn new(domain: IdDomain, depth: u32, start: u64) -> Self {
        let ids = domain
            .wire_last
            .saturating_sub(domain.wire_first)
            .saturating_add(1);
        let wanted = u64::from(depth.max(1))
            .saturating_mul(2)
            .next_power_of_two();
        // The largest power of two that the domain holds, at most what is wanted.
        let fits = 1u64 << (63 - ids.leading_zeros().min(63));
        let slots_max = wanted.min(fits).min(1 << 20);
        Self {
            first: domain.wire_first,
            index_bits: slots_max.trailing_zeros(),
            generations: (ids / slots_max).max(1),
            start: start % (ids / slots_max).max(1),
            slots: Vec::new(),
            free: VecDeque::new(),
            slots_max: slots_max as usize,
        }
    }

    fn has_room(&self) -> bool {
        !self.free.is_empty() || self.slots.len() < self.slots_max
    }

    /// Takes a slot; answers its wire id.
    #[inline]
    fn take(&mut self, entry: Entry) -> Option<u64> {
        // Fresh slots first: a used one rests as long as possible.
        let index = if self.slots.len() < self.slots_max {
            self.slots.push(Slot {
                generation: self.start,
                entry: None,
            });
            self.slots.len() - 1
        } else {
            self.free.pop_front()? as usize
        };
        let slot = self.slots.get_mut(index)?;
        slot.entry = Some(entry);
        Some(self.first + (slot.generation << self.index_bits | index as u64))
    }

    #[inline]
    fn locate(&self, id: u64) -> Option<usize> {
        let ordinal = id.checked_sub(self.first)?;
        let index = (ordinal & ((1 << self.index_bits) - 1)) as usize;
        let slot = self.slots.get(index)?;
        (slot.generation == ordinal >> self.index_bits && slot.entry.is_some()).then_some(index)
    }

    /// Whether an id stood under this number and its time is over, in a domain that is too
    /// large to come back to it soon.
    fn was_given(&self, id: u64) -> bool {
        let Some(ordinal) = id.checked_sub(self.first) else {
            return false;
        };
        let index = (ordinal & ((1 << self.index_bits) - 1)) as usize;
        let slot = self.slots.get(index);
        self.is_large() && slot.is_some_and(|slot| ordinal >> self.index_bits < slot.generation)
    }

    /// Whether an id that is free again rests for longer than an answer can be late.
    fn is_large(&self) -> bool {
        self.generations >= LARGE >> self.index_bits
    }

    #[inline]
    fn release(&mut self, index: usize) -> Option<Entry> {
        let slot = self.slots.get_mut(index)?;
        let entry = slot.entry.take();
        slot.generation = if slot.generation + 1 < self.generations {
            slot.generation + 1
        } else {
            0
        };
        self.free.push_back(index as u32);
        entry
    }
}

impl Pending {
    /// Whether another exchange finds room.
    #[inline]
    pub(crate) fn has_room(&self) -> bool {
        match self {
            Self::ById(slots) => slots.has_room(),
            Self::InOrder(_) => true,
        }
    }

    /// Adds an entry; answers its wire id (0 in order).
    #[inline]
    pub(crate) fn push(&mut self, entry: Entry) -> Option<u64> {
        match self {
            Self::ById(slots) => slots.take(entry),
            Self::InOrder(queue) => {
                queue.push_back(entry);
                Some(0)
            }
        }
    }

    /// What an answer under `id`, or the next answer in order, belongs to. It stays.
    #[inline]
    pub(crate) fn peek(&self, id: u64) -> Option<Entry> {
        match self {
            Self::ById(slots) => slots
                .locate(id)
                .and_then(|index| slots.slots.get(index))
                .and_then(|s| s.entry),
            Self::InOrder(queue) => queue.front().copied(),
        }
    }

    /// Takes that entry out.
    #[inline]
    pub(crate) fn take(&mut self, id: u64) -> Option<Entry> {
        match self {
            Self::ById(slots) => slots.locate(id).and_then(|index| slots.release(index)),
            Self::InOrder(queue) => queue.pop_front(),
        }
    }

    /// Whether an id rests long enough after its use without being reserved.
    pub(crate) fn is_large(&self) -> bool {
        matches!(self, Self::ById(slots) if slots.is_large())
    }

    /// Whether an answer under this id can be the late one to a one-way request.
    pub(crate) fn was_given(&self, id: u64) -> bool {
        matches!(self, Self::ById(slots) if slots.was_given(id))
    }

    /// Takes back the entry that was pushed last: nothing of it went out.
    pub(crate) fn take_back(&mut self, id: u64) {
        match self {
            Self::ById(_) => {
                self.take(id);
            }
            Self::InOrder(queue) => {
                queue.pop_back();
            }
        }
    }

    /// Replaces the entry of a live exchange by `with`; answers whether it was there.
    pub(crate) fn replace(&mut self, id: u64, exchange: ExchangeKey, with: Entry) -> bool {
        let live = Entry::Live(exchange);
        match self {
            Self::ById(slots) => {
                let Some(index) = slots.locate(id) else {
                    return false;
                };
                match slots.slots.get_mut(index) {
                    Some(slot) if slot.entry == Some(live) => {
                        slot.entry = Some(with);
                        true
                    }
                    _ => false,
                }
            }
            Self::InOrder(queue) => match queue.iter_mut().find(|entry| **entry == live) {
                Some(entry) => {
                    *entry = with;
                    true
                }
                None => false,
            },
        }
    }

    /// Whether the next answer in order belongs to an exchange that timed out.
    pub(crate) fn head_timed_out(&self) -> bool {
        match self {
            Self::ById(_) => false,
            Self::InOrder(queue) => {
                matches!(
                    queue.front(),
                    Some(Entry::Abandoned {
                        timed_out: true,
                        ..
                    })
                )
            }
        }
    }

    /// Live exchanges, in order where there is one.
    pub(crate) fn live(&self) -> Vec<ExchangeKey> {
        let live = |entry: &Entry| match entry {
            Entry::Live(exchange) => Some(*exchange),
            Entry::Abandoned { .. } | Entry::Lingering | Entry::Ping { .. } => None,
        };
        match self {
            Self::ById(slots) => slots
                .slots
                .iter()
                .filter_map(|slot| slot.entry.as_ref().and_then(live))
                .collect(),
            Self::InOrder(queue) => queue.iter().filter_map(live).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Key;
    use weft_codec::IdKind;

    fn slots(first: u64, last: u64, depth: u32) -> Pending {
        let domain = IdDomain {
            kind: IdKind::Integer(1),
            wire_first: first,
            wire_last: last,
        };
        Pending::ById(Slots::new(domain, depth, 0))
    }

    #[test]
    fn eight_bit_ids_wrap_without_a_live_id_used_again() {
        let mut pending = slots(1, 255, 16);
        let held = pending
            .push(Entry::Abandoned {
                timed_out: true,
                caller_id: 0,
            })
            .expect("room");
        let mut seen = Vec::new();
        for n in 0..10_000u64 {
            let key = Key::from_bits(n + 1);
            let id = pending.push(Entry::Live(key)).expect("room");
            assert!((1..=255).contains(&id));
            assert_ne!(id, held);
            seen.push(id);
            assert_eq!(pending.take(id), Some(Entry::Live(key)));
            assert_eq!(pending.take(id), None, "an answer is taken once");
        }
        let far = seen
            .iter()
            .rposition(|id| *id == seen[9_999])
            .expect("itself");
        assert_eq!(far, 9_999);
        let before = seen[..9_999]
            .iter()
            .rposition(|id| *id == seen[9_999])
            .expect("wrapped");
        assert!(
            9_999 - before > 128,
            "an id rests as long as the domain allows"
        );
    }

    #[test]
    fn a_full_table_refuses() {
        let mut pending = slots(0, 3, 128);
        for _ in 0..4 {
            assert!(pending.has_room());
            pending.push(Entry::Lingering).expect("room");
        }
        assert!(!pending.has_room());
        assert_eq!(pending.push(Entry::Lingering), None);
    }
}
