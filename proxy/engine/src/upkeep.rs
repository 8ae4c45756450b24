//! How lanes live and end: written, idle, stuck, retired, closed.

use std::rc::Rc;
use std::time::Duration;

use weft_codec::{Codec as _, OneWayAnswers};

use crate::client::Client;
use crate::engine::{Alarm, PoolName};
use crate::exchange::Phase;
use crate::lane::{Lane, LaneKey, LaneState};
use crate::report::Outcome;
use crate::wheel::Timer;
use crate::{Action, CloseCause, ConnId, ConnectFailure, Engine, Nanos};

/// How long the shell may be late with its own connect timeout, and a login may take.
const CONNECT_SLACK: Duration = Duration::from_secs(1);

impl Engine {
    pub(crate) fn lane_wrote(&mut self, key: LaneKey, n: usize) {
        let Some(lane) = self.lanes.get_mut(key) else {
            return;
        };
        let was_over = lane.outbox.len() >= self.settings.lane_outbox_pause_bytes;
        let n = lane.outbox.wrote(n, &mut self.spares);
        lane.written += n as u64;
        self.counters.upstream_bytes_out += n as u64;
        let (written, bound) = (lane.written, lane.bound);
        let is_over = lane.outbox.len() >= self.settings.lane_outbox_pause_bytes;
        let (sends, blocks) = (
            !lane.one_ways.is_empty(),
            lane.writing.is_some() || bound.is_some(),
        );
        if sends {
            self.end_one_ways(key, written);
        }
        if blocks {
            self.unblock_writer(key);
        }
        if was_over && !is_over {
            self.pump_lane(key);
        }
        match bound.map(|client| (client, self.clients.get(client))) {
            Some((client, Some(found))) if found.is_raw() => self.shut_raw(client),
            Some((_, None)) => self.close_if_retired(key),
            _ => {}
        }
    }

    /// One-ways whose last byte is written have their outcome.
    fn end_one_ways(&mut self, key: LaneKey, written: u64) {
        while let Some(lane) = self.lanes.get_mut(key) {
            let Some((end, exchange)) = lane.one_ways.front().copied() else {
                return;
            };
            if end > written {
                return;
            }
            lane.one_ways.pop_front();
            let answers = lane.codec.traits().one_way_answers;
            if let Some(Phase::OnLane { wire_id, .. }) =
                self.exchanges.get(exchange).map(|exchange| exchange.phase)
            {
                if answers == OneWayAnswers::Never && self.lane_is_by_id(key) {
                    self.take_lingering(key, wire_id);
                } else if self.lane_is_by_id(key) {
                    let until = self.now.monotonic.after(self.settings.one_way_linger);
                    self.linger(key, wire_id, until);
                }
                self.release_attempt(key, exchange);
                self.finish(exchange, Outcome::Sent);
                self.after_answer(key);
                self.look_if_draining(key);
            }
        }
    }

    /// While the mesh goes down, the client of a lane of its own may be told so once nothing of
    /// it is under way.
    pub(crate) fn look_if_draining(&mut self, key: LaneKey) {
        if self.draining.is_some()
            && let Some(client) = self.lanes.get(key).and_then(|lane| lane.bound)
        {
            self.list_client(client);
        }
    }

    pub(crate) fn lane_is_by_id(&self, key: LaneKey) -> bool {
        self.lanes
            .get(key)
            .is_some_and(|lane| matches!(lane.pending, crate::pending::Pending::ById(_)))
    }

    /// Frees the id of a one-way request, if nothing else has it by now.
    fn take_lingering(&mut self, key: LaneKey, wire_id: u64) {
        if let Some(lane) = self.lanes.get_mut(key)
            && lane.pending.peek(wire_id) == Some(crate::pending::Entry::Lingering)
        {
            lane.pending.take(wire_id);
        }
    }

    /// Keeps the id of a one-way request reserved for a while, and frees those whose time is up.
    pub(crate) fn linger(&mut self, key: LaneKey, wire_id: u64, until: Nanos) {
        let now = self.now.monotonic;
        let Some(lane) = self.lanes.get_mut(key) else {
            return;
        };
        if lane.pending.is_large() {
            return self.take_lingering(key, wire_id);
        }
        if lane.pending.peek(wire_id) == Some(crate::pending::Entry::Lingering) {
            lane.lingering.push_back((until, wire_id));
        }
        while let Some((until, id)) = self
            .lanes
            .get(key)
            .and_then(|lane| lane.lingering.front().copied())
        {
            if until > now {
                break;
            }
            if let Some(lane) = self.lanes.get_mut(key) {
                lane.lingering.pop_front();
            }
            self.take_lingering(key, id);
        }
    }

    pub(crate) fn lane_ended(&mut self, key: LaneKey) {
        let Some(lane) = self.lanes.get_mut(key) else {
            return;
        };
        lane.ended = true;
        match lane.bound {
            Some(client) if self.clients.get(client).is_some_and(Client::is_raw) => {
                self.shut_raw(client);
            }
            _ => self.close_lane(key, CloseCause::Finished),
        }
    }

    /// Takes nothing new on a lane; closes it when nothing is in flight.
    pub(crate) fn retire_lane(&mut self, key: LaneKey, cause: CloseCause) {
        let Some(lane) = self.lanes.get_mut(key) else {
            return;
        };
        match lane.state {
            LaneState::Retiring(_) => return,
            LaneState::Connecting => return self.close_lane(key, cause),
            LaneState::Login(_) | LaneState::Ready => lane.state = LaneState::Retiring(cause),
        }
        self.pump_lane(key);
        self.close_if_retired(key);
    }

    /// The same of a lane whose answer is being handled: [`Self::after_answer`] closes it, and the
    /// end of the answer if that comes in pieces.
    pub(crate) fn retire_after_answer(&mut self, key: LaneKey, cause: CloseCause) {
        if let Some(lane) = self.lanes.get_mut(key)
            && matches!(lane.state, LaneState::Login(_) | LaneState::Ready)
        {
            lane.state = LaneState::Retiring(cause);
        }
    }

    pub(crate) fn close_if_retired(&mut self, key: LaneKey) {
        let Some(lane) = self.lanes.get(key) else {
            return;
        };
        if let LaneState::Retiring(cause) = lane.state
            && lane.in_flight == 0
            && lane.reading.is_none()
            && lane.writing.is_none()
            && (lane.bound.is_none() || lane.outbox.is_empty())
        {
            self.close_lane(key, cause);
        }
    }

    /// Closes a lane now.
    pub(crate) fn close_lane(&mut self, key: LaneKey, cause: CloseCause) {
        if self.lanes.get(key).is_some() {
            self.actions.push(Action::Close {
                conn: ConnId::of_lane(key),
                cause,
            });
            self.lane_gone(key, cause);
        }
    }

    /// Closes all lanes but those that still write what a client said before it left.
    pub(crate) fn close_all_lanes(&mut self) {
        for key in self.lanes.keys() {
            let lane = self.lanes.get(key);
            if !lane.is_some_and(|lane| self.is_left(lane)) {
                self.close_lane(key, CloseCause::Drained);
            }
        }
    }

    /// A client is gone whose own lane this was. What it said before it left (that it leaves, its
    /// last message) still goes out, unless it broke off inside a frame.
    pub(crate) fn leave_lane(&mut self, key: LaneKey, raw: bool) {
        let now = self.now.monotonic;
        let Some(lane) = self.lanes.get_mut(key) else {
            return;
        };
        let usable = matches!(lane.state, LaneState::Ready | LaneState::Retiring(_));
        if raw || !usable || lane.outbox.is_empty() || lane.writing.is_some() {
            return self.close_lane(key, CloseCause::PeerGone);
        }
        lane.state = LaneState::Retiring(CloseCause::PeerGone);
        lane.progress = now;
        self.arm_lane(key);
    }

    /// Whether it only stands to write what a client said that is gone.
    fn is_left(&self, lane: &Lane) -> bool {
        lane.bound
            .is_some_and(|client| self.clients.get(client).is_none())
    }

    pub(crate) fn resume_lane(&mut self, key: LaneKey) {
        if let Some(lane) = self.lanes.get_mut(key)
            && lane.paused
        {
            lane.paused = false;
            lane.progress = self.now.monotonic;
            self.actions.push(Action::Resume {
                conn: ConnId::of_lane(key),
            });
            self.arm_lane(key);
        }
    }

    /// When a lane must be looked at, and why it would be closed then.
    fn lane_deadline(&self, lane: &Lane) -> Option<(Nanos, CloseCause)> {
        let opened = lane
            .opened
            .after(lane.policy.connect_timeout)
            .after(CONNECT_SLACK);
        let stall = self.settings.frame_stall_timeout;
        match lane.state {
            LaneState::Connecting => return Some((opened, CloseCause::Stalled)),
            LaneState::Login(_) => return Some((opened.after(CONNECT_SLACK), CloseCause::Stalled)),
            LaneState::Ready | LaneState::Retiring(_) => {}
        }
        if self.is_left(lane) {
            return Some((lane.progress.after(stall), CloseCause::Stalled));
        }
        let half_read = !lane.partial.is_empty() || lane.reading.is_some();
        if let Some(since) = lane.stuck_since {
            Some((
                since.after(self.settings.tombstone_grace),
                CloseCause::Stalled,
            ))
        } else if half_read {
            // Paused it waits for its client, who has a time limit of his own.
            let waits = lane.paused || lane.bound.is_some();
            (!waits).then(|| (lane.progress.after(stall), CloseCause::Stalled))
        } else if lane.in_flight == 0 && lane.bound.is_none() {
            Some((lane.idle_since.after(lane.policy.idle), CloseCause::Idle))
        } else {
            None
        }
    }

    /// Arms a lane's one timer, unless it goes off earlier anyway.
    pub(crate) fn arm_lane(&mut self, key: LaneKey) {
        let Some(lane) = self.lanes.get(key) else {
            return;
        };
        let closes = self.lane_deadline(lane).map(|(at, _)| at);
        let silent = self.silence_deadline(lane).map(|(at, _)| at);
        let Some(at) = closes.into_iter().chain(silent).min() else {
            return;
        };
        let Some(lane) = self.lanes.get_mut(key) else {
            return;
        };
        if lane.timer.is_set() && lane.timer_at <= at {
            return;
        }
        self.wheel.cancel(&mut lane.timer);
        lane.timer = self.wheel.set(at, Alarm::Lane(key));
        lane.timer_at = at;
    }

    pub(crate) fn lane_alarm(&mut self, key: LaneKey) {
        let now = self.now.monotonic;
        let Some(lane) = self.lanes.get_mut(key) else {
            return;
        };
        lane.timer = Timer::NONE;
        let lifetime = lane.policy.lifetime;
        let aged = !lifetime.is_zero() && lane.opened.after(lifetime) <= now;
        let connecting = lane.state == LaneState::Connecting;
        if self.check_silence(key) {
            let text = format!(
                "{}: no answer to a ping; the lane is closed",
                self.lane_name(key)
            );
            self.report(ConnId::of_lane(key), text);
            return self.close_lane(key, CloseCause::Stalled);
        }
        let Some(lane) = self.lanes.get(key) else {
            return;
        };
        match self.lane_deadline(lane) {
            Some((at, _)) if at <= now && connecting => {
                // The shell should have said so.
                self.actions.push(Action::Close {
                    conn: ConnId::of_lane(key),
                    cause: CloseCause::Stalled,
                });
                self.lane_connect_failed(key, ConnectFailure::TimedOut);
            }
            Some((at, cause)) if at <= now => self.close_lane(key, cause),
            Some(_) if aged => self.retire_lane(key, CloseCause::Idle),
            Some(_) | None => self.arm_lane(key),
        }
    }

    /// How logs name a lane.
    pub(crate) fn lane_name(&self, key: LaneKey) -> String {
        let run = self
            .lanes
            .get(key)
            .and_then(|lane| self.instances.get(lane.instance));
        run.map_or_else(String::new, |run| {
            let service = self
                .services
                .get(run.service)
                .map(|s| s.state.service.name.as_str());
            format!(
                "service {} instance {}",
                service.unwrap_or(""),
                run.instance.id
            )
        })
    }

    /// The pool that a lane belongs to.
    pub(crate) fn pool_of(&self, lane: &Lane) -> PoolName {
        PoolName {
            instance: lane.instance,
            class: lane.class,
            facets: lane.facets.as_ref().map(Rc::clone),
        }
    }
}
