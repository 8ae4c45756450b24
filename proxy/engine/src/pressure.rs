//! Backpressure: who is not read while others do not read, so that memory stays bounded, and how
//! long anybody waits for a slow reader.

use crate::client::{Client, ClientKey};
use crate::lane::{LaneKey, ReadTo, Reading};
use crate::{Action, ConnId, Engine};

impl Engine {
    /// Stops reading a lane whose large answer its client does not take. While others wait on
    /// the lane the client has to take so much in so little time, or is closed; otherwise a byte is
    /// enough, and there is as long for it as for a stalled frame.
    pub(crate) fn limit_stream(&mut self, key: LaneKey) {
        let Some(lane) = self.lanes.get(key) else {
            return;
        };
        let Some(Reading {
            to: ReadTo::Client {
                client: client_key, ..
            },
            ..
        }) = lane.reading
        else {
            return;
        };
        let others = lane.in_flight > 0;
        let spill = self.spill_bytes(client_key);
        let Some(client) = self.clients.get(client_key) else {
            return;
        };
        if client.outbox.len() <= spill || client.blocks.is_some() {
            return;
        }
        self.block_lane(key, client_key, others);
    }

    /// Stops reading a lane until its client has taken enough.
    pub(crate) fn block_lane(&mut self, key: LaneKey, client_key: ClientKey, others: bool) {
        let Some(client) = self.clients.get_mut(client_key) else {
            return;
        };
        client.blocks = Some(key);
        client.moved = self.now.monotonic;
        client.taken = 0;
        client.flags.hurried = others;
        self.arm_client(client_key);
        if let Some(lane) = self.lanes.get_mut(key)
            && !lane.paused
        {
            lane.paused = true;
            self.actions.push(Action::Pause {
                conn: ConnId::of_lane(key),
            });
        }
    }

    /// What a client may leave unread before its lane is not read any further: a spill, and as
    /// much as small answers may fill where there is no room for all. One that wants answers
    /// in order may still be writing the pipeline that a large one answers: it gets more.
    pub(crate) fn spill_bytes(&mut self, client: ClientKey) -> usize {
        let over = self.answers_over();
        let settings = &self.settings;
        let ordered = |client: &Client| client.listener.in_order;
        if over {
            let small = settings.client_outbox_pause_bytes;
            small.min(settings.stream_spill_bytes)
        } else if self.clients.get(client).is_some_and(ordered) {
            let ordered = settings.ordered_outbox_pause_bytes;
            ordered.max(settings.stream_spill_bytes)
        } else {
            settings.stream_spill_bytes
        }
    }

    /// A client that blocked a lane has taken enough: the lane is read again.
    pub(crate) fn unblock_lane(&mut self, client_key: ClientKey) {
        let spill = self.spill_bytes(client_key);
        let Some(client) = self.clients.get_mut(client_key) else {
            return;
        };
        if client.outbox.len() > spill / 2 {
            return;
        }
        let Some(key) = client.blocks.take() else {
            return;
        };
        client.flags.hurried = false;
        self.resume_lane(key);
    }

    /// Lanes with room again let the client go on whose large request filled them.
    pub(crate) fn unblock_writer(&mut self, key: LaneKey) {
        let Some(lane) = self.lanes.get(key) else {
            return;
        };
        let writer = lane.writing.or(lane.bound);
        if lane.outbox.len() > self.settings.lane_outbox_pause_bytes / 2 {
            return;
        }
        if let Some(client_key) = writer
            && let Some(client) = self.clients.get_mut(client_key)
            && client.flags.blocked
        {
            client.flags.blocked = false;
            self.update_pause(client_key);
            self.list_client(client_key);
        }
    }

    /// Tells the shell whether a client is to be read, if that has changed.
    pub(crate) fn update_pause(&mut self, key: ClientKey) {
        let over = self.answers_over();
        let Some(client) = self.clients.get_mut(key) else {
            return;
        };
        let limit = if client.listener.in_order {
            self.settings.ordered_outbox_pause_bytes
        } else {
            self.settings.client_outbox_pause_bytes
        };
        let unsent = client.outbox.len();
        if unsent > limit || over && unsent > 0 {
            client.flags.full = true;
        } else if unsent <= limit / 2 {
            client.flags.full = false;
        }
        let flags = &mut client.flags;
        let pause = flags.held || flags.full || flags.blocked || flags.closing.is_some();
        if pause != flags.paused {
            flags.paused = pause;
            let conn = ConnId::of_client(key);
            if pause {
                self.actions.push(Action::Pause { conn });
                return;
            }
            self.actions.push(Action::Resume { conn });
            // While it was not read, the rest of its frame could not come.
            client.partial_since = self.now.monotonic;
            client.last_read = self.now.monotonic;
            self.arm_client(key);
        }
    }
}
