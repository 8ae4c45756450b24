//! Whether a server still lives: a lane that is silent while it has work is pinged in its own
//! protocol.
//!
//! A ping is data in flight. Where the network swallows it, the kernel's user timeout breaks the
//! lane: without a ping nothing of ours would wait to be acknowledged, and the lane would look
//! busy until its deadlines.
//!
//! A missing pong says less: a server that works on one request at a time reads the ping when
//! it is done. It ends a lane only where nothing that the server works on can hold the pong back:
//! nothing stood in front of the ping, or an earlier pong has passed by all that did, or the
//! instance has shown that its pongs overtake. It shows that by a pong in time to a ping that was
//! said after a request, before the request's answer. The answer has to come: a server that
//! works in order and leaves a request unanswered would otherwise look the same.

use weft_codec::{Codec as _, Say};

use crate::answer::Answer;
use crate::client::ClientKey;
use crate::guard::Guarded;
use crate::lane::{Lane, LaneKey, LaneState};
use crate::pending::{Entry, Pending};
use crate::{Engine, Nanos};

/// Pings of a lane that wait for their pongs at once: with the default times the deadline of what
/// is in flight comes first.
const UNANSWERED_MAX: u32 = 10;

/// A lane's pings.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pings {
    /// Whether the protocol has pings and this lane has ids to tell their answers apart.
    pub(crate) able: bool,
    /// When bytes last came.
    pub(crate) heard: Nanos,
    /// When an exchange was last put on the lane.
    pub(crate) sent: Nanos,
    /// The same of a one-way, whose end nobody hears of.
    pub(crate) sent_one_way: Option<Nanos>,
    /// When the newest ping that had its pong in time was said; zero before the first.
    pub(crate) ponged: Nanos,
    /// When it was last pinged, or found to be in no need of it.
    looked: Nanos,
    /// The first ping of the present silence.
    awaited: Option<Awaited>,
    /// Pings whose pongs are still to come.
    unanswered: u32,
}

/// A ping that waits for its pong.
#[derive(Clone, Copy, Debug)]
struct Awaited {
    said: Nanos,
    /// Nothing stood in front of it that could hold the pong back.
    clear: bool,
}

impl Pings {
    /// For a lane that is opened now.
    pub(crate) fn new(codec: &Guarded, pending: &Pending, now: Nanos) -> Self {
        Self {
            able: codec.traits().says.ping && matches!(pending, Pending::ById(_)),
            heard: now,
            sent: Nanos(0),
            sent_one_way: None,
            ponged: Nanos(0),
            looked: now,
            awaited: None,
            unanswered: 0,
        }
    }

    /// The first ping since bytes last came.
    fn awaited(&self) -> Option<Awaited> {
        self.awaited.filter(|ping| ping.said >= self.heard)
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

impl Lane {
    /// Whether nothing that the server may still work on stands in front of a ping said now, or
    /// a pong has passed by all of it.
    fn is_clear(&self) -> bool {
        let pings = &self.pings;
        let passed = |sent: Nanos| sent < pings.ponged;
        let idle = self.in_flight == 0 && self.abandoned == 0;
        passed(pings.sent) || (idle && pings.sent_one_way.is_none_or(passed))
    }
}

impl Engine {
    /// When a lane has been silent for too long, and what is to be done then.
    pub(crate) fn silence_deadline(&self, lane: &Lane) -> Option<(Nanos, Check)> {
        let readable =
            lane.state == LaneState::Ready || matches!(lane.state, LaneState::Retiring(_));
        if !lane.pings.able || !readable || lane.paused {
            return None;
        }
        let overtake = || {
            self.instances
                .get(lane.instance)
                .is_some_and(|run| run.pongs_overtake)
        };
        if let Some(ping) = lane.pings.awaited()
            && (ping.clear || overtake())
        {
            let until = ping.said.max(lane.progress).after(lane.policy.ping_timeout);
            return Some((until, Check::Drop));
        }
        let after = match lane.in_flight {
            0 => lane.policy.ping_idle,
            // Who declares this wants nothing written to a server that is at work.
            _ if lane.policy.depth == 1 => return None,
            _ => lane.policy.ping_after,
        };
        let since = lane.pings.heard.max(lane.progress).max(lane.pings.looked);
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
        lane.pings.looked = now;
        if lane.writing.is_some() || !lane.outbox.is_empty() {
            // The kernel watches over bytes that a server does not take.
            return;
        }
        if lane.pings.unanswered >= UNANSWERED_MAX {
            return;
        }
        let Some(id) = lane.pending.push(Entry::Ping { said: now }) else {
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
        let clear = lane.is_clear();
        let first = lane.pings.awaited();
        lane.pings.awaited = first.or(Some(Awaited { said: now, clear }));
        lane.pings.unanswered += 1;
        self.counters.pings_said += 1;
        self.mark_lane(key);
    }

    /// A pong: it ends the lane's ping, or answers nothing.
    pub(crate) fn pong(&mut self, key: LaneKey, answer: Answer<'_>) {
        let now = self.now.monotonic;
        let Some(lane) = self.lanes.get_mut(key) else {
            return;
        };
        let id = answer.head.id_value;
        if let Some(Entry::Ping { said }) = lane.pending.peek(id) {
            lane.pending.take(id);
            lane.pings.awaited = None;
            lane.pings.unanswered = lane.pings.unanswered.saturating_sub(1);
            if now <= said.after(lane.policy.ping_timeout) {
                lane.pings.ponged = lane.pings.ponged.max(said);
            }
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
