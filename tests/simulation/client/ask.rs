//! What a client asks: its next request, drawn by its plan, and what it says about it.

use weft_codec::{Effect, Kind};

use super::{Client, Ids, TIMER_PATIENCE};
use crate::message::Message;
use crate::oracle::Seen;
use crate::world::Core;

impl Client {
    pub(super) fn issue(&mut self, core: &mut Core) {
        let roll = |core: &mut Core, permille: u32| core.rng.u32(0..1_000) < permille;
        let message = self.draw_request(core);
        let (id, nonce) = (message.id, message.nonce);
        if self.plan.id_bytes > 0 && roll(core, self.plan.ping_permille) {
            core.oracle.pings[1] += 1;
            let ping = Message {
                id,
                ..Message::empty(Kind::Ping)
            };
            self.say(&ping);
        }
        let me = self.index;
        core.say(|| {
            let Message { kind, effect, .. } = &message;
            let (bytes, idempotent) = (message.filler, message.idempotent);
            format!("client {me} asks {kind:?} id {id} nonce {nonce:#x} {effect:?} idempotent {idempotent} filler {bytes}")
        });
        let logs_in = self.logs_in();
        self.issued += 1;
        self.say(&message);
        if message.kind == Kind::OneWay {
            self.one_ways.push_back((self.queued, nonce));
        } else {
            let slot = if self.plan.in_order { 0 } else { id };
            self.pending.entry(slot).or_default().push_back(nonce);
            self.in_flight += 1;
            if logs_in {
                self.login = Some(nonce);
            } else if roll(core, self.plan.cancel_permille) {
                self.cancel(core, id, nonce);
            }
            if self.plan.patience > 0 && self.in_flight == 1 {
                self.timer(core, self.plan.patience, TIMER_PATIENCE);
            }
        }
        self.next_issue = core.now + core.rng.u64(self.plan.think.0..=self.plan.think.1);
    }

    /// Whether its next request is its login.
    fn logs_in(&self) -> bool {
        self.plan.user > 0 && self.issued == 0
    }

    fn draw_request(&mut self, core: &mut Core) -> Message {
        let roll = |core: &mut Core, permille: u32| core.rng.u32(0..1_000) < permille;
        let logs_in = self.logs_in();
        let one_way = !logs_in && roll(core, self.plan.one_way_permille);
        let idempotent = logs_in || !roll(core, self.plan.once_permille);
        let effect = if logs_in {
            Effect::Facet
        } else {
            self.effect(core, one_way)
        };
        // What changes the connection is repeated on every new lane.
        let repeatable = idempotent || effect == Effect::Facet;
        let salt = core.rng.u32(..);
        let nonce = core
            .oracle
            .ask(core.now, self.index, (repeatable, one_way), salt);
        let plan = &self.plan;
        let mask = u64::MAX
            .checked_shr(64 - 8 * plan.id_bytes as u32)
            .unwrap_or(0);
        let id = match plan.ids {
            Ids::Same => 1,
            Ids::Sequential => u64::from(self.issued),
            Ids::Random => core.rng.u64(..),
            Ids::Few(count) => core.rng.u64(0..count),
        };
        let range = if effect != Effect::Facet && roll(core, plan.large_permille) {
            plan.large
        } else {
            plan.body
        };
        Message {
            kind: if one_way { Kind::OneWay } else { Kind::Request },
            id: id & mask,
            user: plan.user,
            idempotent,
            whole: roll(core, plan.whole_permille),
            exclusive: !one_way && roll(core, plan.exclusive_permille),
            effect,
            deadline_ms: if roll(core, plan.deadline_permille.0) {
                plan.deadline_permille.1
            } else {
                0
            },
            client: self.index as u32,
            sequence: self.issued,
            nonce,
            name: plan.service,
            filler: core.rng.u32(range.0..=range.1),
            ..Message::empty(Kind::Request)
        }
    }

    /// It wants no answer to what it just asked.
    fn cancel(&mut self, core: &mut Core, id: u64, nonce: u64) {
        let cancel = Message {
            id,
            ..Message::empty(Kind::Cancel)
        };
        self.say(&cancel);
        if let Some(queue) = self.pending.get_mut(&id) {
            queue.retain(|other| *other != nonce);
        }
        self.in_flight -= 1;
        self.cancelled.insert(id, nonce);
        core.oracle.end(core.now, nonce, Seen::Left);
    }

    fn effect(&mut self, core: &mut Core, one_way: bool) -> Effect {
        let (permille, effects) = &self.plan.effect_permille;
        if one_way || effects.is_empty() || core.rng.u32(0..1_000) >= *permille {
            return Effect::Stateless;
        }
        let mut effect = effects[core.rng.usize(0..effects.len())];
        if self.pinned && effect != Effect::Quit {
            effect = Effect::Unpin;
        } else if effect == Effect::Unpin {
            effect = Effect::Pin;
        }
        match effect {
            Effect::Pin => self.pinned = true,
            Effect::Unpin => self.pinned = false,
            Effect::Quit => self.quit = true,
            _ => {}
        }
        effect
    }
}
