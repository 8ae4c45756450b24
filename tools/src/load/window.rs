//! The requests of one connection that wait for their answers.
//!
//! Sequences grow by one, so the window is a queue with holes: finding an answer's request costs
//! no hashing, and an answer that was already taken is known from one that was never asked.

use std::collections::VecDeque;

/// A request that waits for its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Waiting {
    /// When it was meant to be sent, in nanoseconds since the run began.
    pub(super) intended_ns: u64,
    /// The index of its method in the plan.
    pub(super) method: usize,
    /// What its answer must be.
    pub(super) expect: Expect,
}

/// What an answer must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expect {
    /// The body of the request.
    Echo,
    /// The value that this connection stored under the key of this number.
    Value(u8),
    /// A plain word of success for the value of this number.
    Stored(u8),
}

/// An answer that belongs to no request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stray {
    /// Its request was answered before.
    Duplicate,
    /// Nobody asked for it.
    Unknown,
}

/// The window.
#[derive(Debug, Default)]
pub(super) struct Window {
    /// The sequence of the first in `waiting`.
    first: u64,
    waiting: VecDeque<Option<Waiting>>,
    open: usize,
}

impl Window {
    /// The sequence that the next request gets.
    pub(super) fn next_sequence(&self) -> u64 {
        self.first + self.waiting.len() as u64
    }

    /// How many wait.
    pub(super) fn open(&self) -> usize {
        self.open
    }

    /// Adds a request under [`Window::next_sequence`].
    pub(super) fn push(&mut self, waiting: Waiting) {
        self.waiting.push_back(Some(waiting));
        self.open += 1;
    }

    /// Takes the request whose sequence ends in the bits of `id` that `mask` keeps.
    pub(super) fn take(&mut self, id: u32, mask: u32) -> Result<(u64, Waiting), Stray> {
        // How far the id lies from that of the first, around the circle of ids.
        let [.., a, b, c, d] = self.first.to_be_bytes();
        let distance = id.wrapping_sub(u32::from_be_bytes([a, b, c, d])) & mask;
        let place = usize::try_from(distance).unwrap_or(usize::MAX);
        if id & mask != id {
            return Err(Stray::Unknown);
        }
        match self.waiting.get_mut(place) {
            Some(slot) => {
                let taken = slot.take().ok_or(Stray::Duplicate)?;
                let sequence = self.first + u64::from(distance);
                self.open -= 1;
                self.drop_answered();
                Ok((sequence, taken))
            }
            // The other half of the circle lies behind the window.
            None if distance > mask / 2 && u64::from(mask - distance) < self.first => {
                Err(Stray::Duplicate)
            }
            None => Err(Stray::Unknown),
        }
    }

    /// Takes the oldest request.
    pub(super) fn take_oldest(&mut self) -> Result<(u64, Waiting), Stray> {
        self.drop_answered();
        let sequence = self.first;
        let oldest = self.waiting.front_mut().and_then(Option::take);
        let oldest = oldest.ok_or(Stray::Unknown)?;
        self.open -= 1;
        self.drop_answered();
        Ok((sequence, oldest))
    }

    /// Gives up all that wait, and says which methods they were.
    pub(super) fn give_up(&mut self) -> Vec<usize> {
        self.first = self.next_sequence();
        self.open = 0;
        self.waiting
            .drain(..)
            .flatten()
            .map(|waiting| waiting.method)
            .collect()
    }

    fn drop_answered(&mut self) {
        while let Some(None) = self.waiting.front() {
            self.waiting.pop_front();
            self.first += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MASK: u32 = 0xff;

    fn window(sent: u64) -> Window {
        let mut window = Window::default();
        for n in 0..sent {
            window.push(ask(n));
        }
        window
    }

    fn ask(n: u64) -> Waiting {
        Waiting {
            intended_ns: n,
            method: 0,
            expect: Expect::Echo,
        }
    }

    #[test]
    fn answers_in_any_order_find_their_requests() {
        let mut window = window(4);
        for n in [2, 0, 3, 1] {
            assert_eq!(window.take(n, MASK), Ok((n.into(), ask(n.into()))));
        }
        assert_eq!((window.open(), window.next_sequence()), (0, 4));
    }

    #[test]
    fn a_second_answer_is_a_duplicate_whether_or_not_the_window_moved_on() {
        let mut window = window(3);
        window.take(1, MASK).unwrap();
        assert_eq!(window.take(1, MASK), Err(Stray::Duplicate));
        window.take(0, MASK).unwrap();
        assert_eq!(window.take(0, MASK), Err(Stray::Duplicate));
    }

    #[test]
    fn an_id_that_was_never_sent_is_unknown() {
        let mut window = window(3);
        assert_eq!(window.take(3, MASK), Err(Stray::Unknown));
        assert_eq!(window.take(0x100, MASK), Err(Stray::Unknown));
    }

    #[test]
    fn ids_wrap_around() {
        let mut window = Window::default();
        for n in 0..1_000_u64 {
            window.push(ask(n));
            let id = u32::try_from(n & 0xff).unwrap();
            assert_eq!(window.take(id, MASK), Ok((n, ask(n))));
        }
    }

    #[test]
    fn in_order_the_oldest_is_answered_first() {
        let mut window = window(2);
        assert_eq!(window.take_oldest(), Ok((0, ask(0))));
        assert_eq!(window.take_oldest(), Ok((1, ask(1))));
        assert_eq!(window.take_oldest(), Err(Stray::Unknown));
    }

    #[test]
    fn what_is_given_up_is_counted_and_its_late_answer_is_no_longer_known() {
        let mut window = window(3);
        window.take(1, MASK).unwrap();
        assert_eq!(window.give_up().len(), 2);
        assert_eq!(window.take(2, MASK), Err(Stray::Duplicate));
        assert_eq!(window.next_sequence(), 3);
    }
}
