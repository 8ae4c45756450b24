//! What a client makes of the frames that it gets.

use std::collections::VecDeque;

use weft_codec::Kind;

use super::{Client, Phase, TIMER_PATIENCE};
use crate::message::{Message, Status};
use crate::world::Core;

impl Client {
    pub(super) fn got(&mut self, core: &mut Core, message: &Message) {
        core.trace(&[6, self.index as u64, message.nonce]);
        let me = self.index;
        core.say(|| {
            let Message {
                kind, id, nonce, ..
            } = message;
            format!(
                "client {me} got {kind:?} id {id} nonce {nonce:#x} {:?}",
                message.status
            )
        });
        match message.kind {
            Kind::Answer => self.got_answer(core, message),
            Kind::Pong => core.oracle.pings[0] += 1,
            Kind::Handshake if self.phase == Phase::Greeting => self.phase = Phase::Open,
            Kind::Handshake => {}
            Kind::Push => self.pushed(core, message),
            Kind::GoAway => core.oracle.go_aways += 1,
            Kind::Ping => {
                let pong = Message {
                    kind: Kind::Pong,
                    ..message.clone()
                };
                self.say(&pong);
            }
            _ => {
                let text = format!("client {} got a {:?}", self.index, message.kind);
                core.oracle.wrong(text);
            }
        }
    }

    fn got_answer(&mut self, core: &mut Core, message: &Message) {
        let slot = if self.plan.in_order { 0 } else { message.id };
        if self.cancelled.get(&slot) == Some(&message.nonce) {
            // It was on its way already.
            if !message.more {
                self.cancelled.remove(&slot);
            }
            return;
        }
        let waiting = self.pending.get_mut(&slot);
        if message.more {
            let expected = waiting.and_then(|queue| queue.front().copied());
            if expected != Some(message.nonce) {
                core.oracle.wrong(format!(
                    "CROSS-TALK: a piece for {expected:x?} carries {:#x}",
                    message.nonce
                ));
            }
            return;
        }
        let Some(expected) = waiting.and_then(VecDeque::pop_front) else {
            let text = format!(
                "client {} got an answer to nothing: {message:?}",
                self.index
            );
            return core.oracle.wrong(text);
        };
        self.in_flight -= 1;
        core.oracle.answered(core.now, expected, message);
        if self.login == Some(expected) {
            self.login = None;
            if message.status != Status::Ok {
                return self.leave(core);
            }
        }
        if self.plan.patience > 0 {
            self.timer(core, self.plan.patience, TIMER_PATIENCE);
        }
    }

    /// What a server says unasked belongs to whoever has its connection.
    fn pushed(&mut self, core: &mut Core, message: &Message) {
        core.oracle.pushes[1] += 1;
        if message.client as usize != self.index {
            core.oracle.wrong(format!(
                "CROSS-TALK: client {} got a push for client {}",
                self.index, message.client
            ));
        }
    }
}
