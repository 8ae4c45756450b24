//! All timers of a worker in one hierarchical wheel: setting and cancelling cost a few memory
//! writes, whatever their number (Varghese and Lauck, "Hashed and Hierarchical Timing Wheels",
//! 1987).
//!
//! Time is counted in ticks of 2^20 ns (about 1.05 ms); a timer never goes off early, and at
//! most one tick late.

use crate::Nanos;

const TICK_BITS: u32 = 20;
const SLOT_BITS: u32 = 6;
const SLOTS: usize = 1 << SLOT_BITS;
const LEVELS: usize = 6;
/// 2^36 ticks are more than two years.
const TICKS_MAX: u64 = (1 << (SLOT_BITS as u64 * LEVELS as u64)) - 1;
const NONE: u32 = u32::MAX;

/// A timer that is set. Once it went off it cancels nothing, although its place serves another:
/// several go off at once, and the owner of a later one may be gone before its turn comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Timer {
    index: u32,
    generation: u32,
}

impl Timer {
    /// No timer.
    pub(crate) const NONE: Self = Self {
        index: NONE,
        generation: 0,
    };

    pub(crate) const fn is_set(self) -> bool {
        self.index != NONE
    }
}

/// The wheel.
#[derive(Debug)]
pub(crate) struct Wheel<T> {
    nodes: Vec<Node<T>>,
    free: u32,
    heads: [[u32; SLOTS]; LEVELS],
    /// For an occupied slot a tick that no timer in it comes before: the least that was hung
    /// there, though it may have been cancelled since. It spares an idle worker a wake at the
    /// slot's beginning.
    earliest: [[u64; SLOTS]; LEVELS],
    occupied: [u64; LEVELS],
    /// Everything up to this tick has gone off.
    tick: u64,
}

#[derive(Debug)]
struct Node<T> {
    tick: u64,
    previous: u32,
    next: u32,
    /// Where it hangs: level and slot; `NONE` level means free.
    level: u8,
    slot: u8,
    live: bool,
    /// How often the place was given up.
    generation: u32,
    item: T,
}

impl<T: Copy> Wheel<T> {
    pub(crate) fn new() -> Self {
        Self {
            nodes: Vec::new(),
            free: NONE,
            heads: [[NONE; SLOTS]; LEVELS],
            earliest: [[0; SLOTS]; LEVELS],
            occupied: [0; LEVELS],
            tick: 0,
        }
    }

    /// Sets a timer.
    pub(crate) fn set(&mut self, deadline: Nanos, item: T) -> Timer {
        let tick = (deadline.0 >> TICK_BITS) + 1;
        let tick = tick.clamp(self.tick + 1, self.tick + TICKS_MAX);
        let mut node = Node {
            tick,
            previous: NONE,
            next: NONE,
            level: 0,
            slot: 0,
            live: true,
            generation: 0,
            item,
        };
        let index = self.free;
        let index = if let Some(spare) = self.nodes.get_mut(index as usize) {
            self.free = spare.next;
            node.generation = spare.generation;
            *spare = node;
            index
        } else {
            self.nodes.push(node);
            (self.nodes.len() - 1) as u32
        };
        self.hang(index);
        let generation = self
            .nodes
            .get(index as usize)
            .map_or(0, |node| node.generation);
        Timer { index, generation }
    }

    /// Cancels a timer and forgets it.
    pub(crate) fn cancel(&mut self, timer: &mut Timer) {
        let Timer { index, generation } = std::mem::replace(timer, Timer::NONE);
        if self
            .nodes
            .get(index as usize)
            .is_some_and(|node| node.live && node.generation == generation)
        {
            self.unhang(index);
            self.release(index);
        }
    }

    /// Appends what has gone off by `now` to `due`.
    pub(crate) fn advance(&mut self, now: Nanos, due: &mut Vec<T>) {
        let target = now.0 >> TICK_BITS;
        while let Some((level, slot, start)) = self.next_slot() {
            if start > target {
                break;
            }
            self.tick = self.tick.max(start);
            let Some(head) = self
                .heads
                .get_mut(level)
                .and_then(|slots| slots.get_mut(slot))
            else {
                break;
            };
            let mut index = std::mem::replace(head, NONE);
            if let Some(bits) = self.occupied.get_mut(level) {
                *bits &= !(1 << slot);
            }
            while let Some(node) = self.nodes.get(index as usize) {
                let next = node.next;
                if node.tick <= target {
                    due.push(node.item);
                    self.release(index);
                } else {
                    self.hang(index);
                }
                index = next;
            }
        }
        self.tick = self.tick.max(target);
    }

    /// When [`Wheel::advance`] is worth calling next.
    pub(crate) fn next_deadline(&self) -> Option<Nanos> {
        let (level, slot, start) = self.next_slot()?;
        let earliest = self.earliest.get(level)?.get(slot)?;
        let tick = start.max(*earliest);
        Some(Nanos(tick << TICK_BITS))
    }

    /// The first slot with a timer in it, and the tick at which it begins.
    #[inline]
    fn next_slot(&self) -> Option<(usize, usize, u64)> {
        for (level, &bits) in self.occupied.iter().enumerate() {
            if bits == 0 {
                continue;
            }
            let shift = SLOT_BITS * level as u32;
            let slot = bits.trailing_zeros() as usize;
            let above = (self.tick >> shift >> SLOT_BITS) << SLOT_BITS << shift;
            return Some((level, slot, above | (slot as u64) << shift));
        }
        None
    }

    /// Hangs a node where the highest digit in which its tick differs from now says.
    fn hang(&mut self, index: u32) {
        let now = self.tick;
        let Some(node) = self.nodes.get_mut(index as usize) else {
            return;
        };
        let differs = (node.tick ^ now) | (SLOTS as u64 - 1);
        let level = ((63 - differs.leading_zeros()) / SLOT_BITS) as usize;
        let level = level.min(LEVELS - 1);
        let slot = (node.tick >> (SLOT_BITS * level as u32)) as usize & (SLOTS - 1);
        node.level = level as u8;
        node.slot = slot as u8;
        node.previous = NONE;
        let Some(head) = self
            .heads
            .get_mut(level)
            .and_then(|slots| slots.get_mut(slot))
        else {
            return;
        };
        let next = std::mem::replace(head, index);
        node.next = next;
        let tick = node.tick;
        if let Some(earliest) = self
            .earliest
            .get_mut(level)
            .and_then(|slots| slots.get_mut(slot))
        {
            *earliest = if next == NONE {
                tick
            } else {
                tick.min(*earliest)
            };
        }
        if let Some(next) = self.nodes.get_mut(next as usize) {
            next.previous = index;
        }
        if let Some(bits) = self.occupied.get_mut(level) {
            *bits |= 1 << slot;
        }
    }

    fn unhang(&mut self, index: u32) {
        let Some(node) = self.nodes.get(index as usize) else {
            return;
        };
        let (previous, next, level, slot) = (
            node.previous,
            node.next,
            usize::from(node.level),
            usize::from(node.slot),
        );
        if let Some(next) = self.nodes.get_mut(next as usize) {
            next.previous = previous;
        }
        if let Some(previous) = self.nodes.get_mut(previous as usize) {
            previous.next = next;
        } else if let Some(head) = self
            .heads
            .get_mut(level)
            .and_then(|slots| slots.get_mut(slot))
        {
            *head = next;
            if next == NONE
                && let Some(bits) = self.occupied.get_mut(level)
            {
                *bits &= !(1 << slot);
            }
        }
    }

    fn release(&mut self, index: u32) {
        if let Some(node) = self.nodes.get_mut(index as usize) {
            node.live = false;
            node.generation = node.generation.wrapping_add(1);
            node.next = self.free;
            self.free = index;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn ms(n: u64) -> Nanos {
        Nanos(n * 1_000_000)
    }

    #[test]
    fn timers_go_off_in_time_and_never_early() {
        let mut rng = fastrand::Rng::with_seed(7);
        let mut wheel = Wheel::new();
        let mut set: Vec<(u64, u32)> = Vec::new();
        let mut now = Nanos(123_456_789_012);
        let mut due = Vec::new();
        wheel.advance(now, &mut due);
        for round in 0..20_000u32 {
            if rng.bool() {
                let deadline = now.after(Duration::from_nanos(rng.u64(0..100_000_000_000)));
                let timer = wheel.set(deadline, round);
                if rng.u8(0..4) == 0 {
                    let mut timer = timer;
                    wheel.cancel(&mut timer);
                } else {
                    set.push((deadline.0, round));
                }
            } else {
                now = now.after(Duration::from_nanos(rng.u64(0..2_000_000_000)));
                due.clear();
                wheel.advance(now, &mut due);
                let tick = 1u64 << TICK_BITS;
                for item in &due {
                    let at = set
                        .iter()
                        .position(|(_, name)| name == item)
                        .expect("was set");
                    let (deadline, _) = set.swap_remove(at);
                    assert!(deadline <= now.0, "early");
                }
                assert!(
                    set.iter().all(|(deadline, _)| deadline + tick >= now.0),
                    "late"
                );
            }
            if let Some(next) = wheel.next_deadline() {
                let earliest = set
                    .iter()
                    .map(|(deadline, _)| *deadline)
                    .min()
                    .expect("one is set");
                assert!(next.0 <= earliest + 2 * (1 << TICK_BITS), "wakes too late");
            } else {
                assert!(set.is_empty());
            }
        }
    }

    #[test]
    fn a_timer_that_went_off_does_not_cancel_the_one_that_took_its_place() {
        let mut wheel = Wheel::new();
        let mut due = Vec::new();
        let mut first = wheel.set(ms(5), "first");
        wheel.advance(ms(10), &mut due);
        wheel.set(ms(15), "second");
        wheel.cancel(&mut first);
        wheel.advance(ms(20), &mut due);
        assert_eq!(due, ["first", "second"]);
    }

    #[test]
    fn a_lone_far_timer_wakes_nobody_before_its_time() {
        let mut wheel = Wheel::new();
        wheel.advance(ms(1_000), &mut Vec::new());
        wheel.set(ms(61_000), ());
        let next = wheel.next_deadline().expect("one is set");
        assert!(next >= ms(61_000) && next < ms(61_003), "{next:?}");
    }
}
