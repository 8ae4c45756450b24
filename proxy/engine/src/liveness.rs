//! Whether a server still lives: a lane that is silent while it has work is pinged in its own
//! protocol, and dropped where nothing comes back.
//!
//! The kernel notices a dead peer only while bytes of ours wait to be acknowledged. A server that
//! took a request and then vanished, or hangs, is noticed here, before the request's deadline.

use weft_codec::{Codec as _, Say};

use crate::answer::Answer;
use crate::client::ClientKey;
use crate::guard::Guarded;
use crate::lane::{Lane, LaneKey, LaneState};
use crate::pending::{Entry, Pending};
use crate::{Engine, Nanos};

/// A lane's pings.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pings {
    /// Whether the protocol has pings and this lane has ids to tell their answers apart.
    pub(crate) able: bool,
    /// When bytes last came.
    pub(crate) heard: Nanos,
    /// The ping that is not answered yet: its id, and when it was said.
    pub(crate) unanswered: Option<(u64, Nanos)>,
}

impl Pings {
    /// For a lane that is opened now.
    pub(crate) fn new(codec: &Guarded, pending: &Pending, now: Nanos) -> Self {
        Self {
            able: codec.traits().says.ping && matches!(pending, Pending::ById(_)),
            heard: now,
            unanswered: None,
        }
    }
}

/// What is due on a silent lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Check {
    /// It is to be pinged.
    Ping,
    /// It did not answer its ping.
    Drop,
}

impl Engine {
    /// When a lane has been silent for too long, and what is to be done then.
    pub(crate) fn silence_deadline(&self, lane: &Lane) -> Option<(Nanos, Check)> {
        let readable =
            lane.state == LaneState::Ready || matches!(lane.state, LaneState::Retiring(_));
        if !lane.pings.able || !readable || lane.paused {
            return None;
        }
        let since = lane.pings.heard.max(lane.progress);
        if let Some((_, said)) = lane.pings.unanswered {
            let until = since.max(said).after(lane.policy.ping_timeout);
            return Some((until, Check::Drop));
        }
        // One that serves one request at a time cannot answer a ping meanwhile.
        let serial = lane.policy.depth == 1
            || self
                .instances
                .get(lane.instance)
                .is_some_and(|run| self.now.monotonic < run.serial_until);
        let after = match (lane.in_flight > 0, serial) {
            (true, true) => return None,
            (true, false) => lane.policy.ping_after,
            (false, _) => lane.policy.ping_idle,
        };
        (!after.is_zero()).then(|| (since.after(after), Check::Ping))
    }

    /// A silent lane's time has come; answers whether it is to be dropped.
    pub(crate) fn check_silence(&mut self, key: LaneKey) -> bool {
        let now = self.now.monotonic;
        let due = self
            .lanes
            .get(key)
            .and_then(|lane| self.silence_deadline(lane))
            .filter(|(at, _)| *at <= now);
        match due {
            Some((_, Check::Drop)) => return true,
            Some((_, Check::Ping)) => self.ping(key),
            None => {}
        }
        false
    }

    fn ping(&mut self, key: LaneKey) {
        let now = self.now.monotonic;
        let Some(lane) = self.lanes.get_mut(key) else {
            return;
        };
        // Looked at again after as long, whatever becomes of it.
        lane.pings.heard = now;
        if lane.writing.is_some() || !lane.outbox.is_empty() {
            // The kernel watches over bytes that a server does not take.
            return;
        }
        let Some(id) = lane.pending.push(Entry::Ping) else {
            return;
        };
        let out = lane.outbox.room(&mut self.spares);
        let before = out.len();
        if lane.codec.say(&Say::Ping { id }, out).is_err() {
            lane.pending.take_back(id);
            lane.pings.able = false;
            return;
        }
        lane.queued += (out.len() - before) as u64;
        lane.pings.unanswered = Some((id, now));
        self.counters.pings_said += 1;
        self.mark_lane(key);
    }

    /// A pong: it ends the lane's ping, or answers nothing.
    pub(crate) fn pong(&mut self, key: LaneKey, answer: Answer<'_>) {
        let Some(lane) = self.lanes.get_mut(key) else {
            return;
        };
        let id = answer.head.id_value;
        if lane.pending.peek(id) == Some(Entry::Ping) {
            lane.pending.take(id);
            lane.pings.unanswered = None;
            return self.after_answer(key);
        }
        if lane.pings.able {
            return self.unknown_answer(key, answer);
        }
        self.discard_rest(key, answer.missing());
    }

    /// Tells a server that nobody waits for an exchange any more, where the protocol can. Its id
    /// stays taken all the same: the answer may be on its way.
    pub(crate) fn say_cancel(&mut self, key: LaneKey, wire_id: u64) {
        let Some(lane) = self.lanes.get_mut(key) else {
            return;
        };
        let by_id = matches!(lane.pending, Pending::ById(_));
        if !by_id || !lane.codec.traits().says.cancel || lane.writing.is_some() {
            return;
        }
        let out = lane.outbox.room(&mut self.spares);
        let before = out.len();
        if lane.codec.say(&Say::Cancel { id: wire_id }, out).is_ok() {
            lane.queued += (out.len() - before) as u64;
            self.counters.cancels_said += 1;
            self.mark_lane(key);
        }
    }

    /// Tells a client that the mesh is going down, where the protocol can and no answer is in
    /// the middle of the stream.
    pub(crate) fn say_go_away(&mut self, key: ClientKey) {
        let Some(client) = self.clients.get_mut(key) else {
            return;
        };
        let able = client.listener.codec.traits().says.go_away && client.pinned.is_none();
        if !able || client.flags.told || client.streaming.is_some() {
            return;
        }
        client.flags.told = true;
        let out = client.outbox.room(&mut self.spares);
        let before = out.len();
        if client.listener.codec.say(&Say::GoAway, out).is_ok() {
            self.answer_bytes += out.len() - before;
            self.counters.go_aways_said += 1;
            self.mark_client(key);
        }
    }
}
