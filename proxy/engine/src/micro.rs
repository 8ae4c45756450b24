//! Two parts of the engine that have no door of their own, opened for the benches.
//!
//! Only with the feature `micro`, which nothing but the benches asks for: the choice of an
//! instance, and the table in which a lane finds whose answer it got.

use std::collections::VecDeque;
use std::time::Duration;

use weft_codec::IdDomain;
use weft_route::RequestFields;

use crate::Engine;
use crate::balance::{Choice, Choosing};
use crate::pending::{Entry, Pending, Slots};
use crate::table::Key;

/// The answers that one lane awaits.
#[derive(Debug)]
pub struct Awaited(Pending);

impl Awaited {
    /// Found by ids of `domain`, with room for `depth` requests at once.
    #[must_use]
    pub fn by_id(domain: IdDomain, depth: u32) -> Self {
        Self(Pending::ById(Slots::new(domain, depth, 0)))
    }

    /// Found by their place in the order.
    #[must_use]
    pub const fn in_order() -> Self {
        Self(Pending::InOrder(VecDeque::new()))
    }

    /// Notes that exchange `number` (1 or more) awaits its answer; gives the id on the wire, or `None`
    /// where there is no room.
    pub fn push(&mut self, number: u64) -> Option<u64> {
        self.0.push(Entry::Live(Key::from_bits(number)))
    }

    /// An answer under `id`: whether somebody awaited it. It is awaited no longer.
    pub fn take(&mut self, id: u64) -> bool {
        self.0.take(id).is_some()
    }
}

/// Chooses an instance for a request by the first rule of the first listener, `after` the last
/// choice; gives whether there was one.
pub fn choose(engine: &mut Engine, request: &RequestFields<'_>, after: Duration) -> bool {
    let rule = engine.listeners.first().and_then(|run| run.rules.first());
    let Some(rule) = rule.cloned() else {
        return false;
    };
    engine.now.monotonic = engine.now.monotonic.after(after);
    let choosing = Choosing {
        rule: &rule,
        tried: &[],
        idempotent: true,
    };
    matches!(engine.choose(choosing, request), Choice::Instance(_))
}
