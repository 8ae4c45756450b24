//! The engine's face: events in, outboxes and actions out.

use std::sync::Arc;
use std::time::Duration;

use crate::{
    AccessRecord, Action, ConnId, ConnectFailure, Nanos, Now, Refused, Settings, Snapshot, State,
};

/// The mesh of one worker.
#[derive(Debug)]
pub struct Engine {}

impl Engine {
    /// An engine with `state` in force. Two engines that get the same events and the same
    /// `seed` do the same.
    #[must_use]
    pub fn new(_state: Arc<State>, _settings: Settings, _seed: u64) -> Self {
        Self {}
    }

    // Events.

    /// A client connected to the listener of this index.
    ///
    /// # Errors
    /// [`Refused`]: close the socket.
    pub fn accepted(&mut self, _now: Now, _listener: usize) -> Result<ConnId, Refused> {
        Err(Refused::Draining)
    }
    /// An [`Action::Open`] succeeded.
    pub fn connected(&mut self, _now: Now, _conn: ConnId) {}
    /// An [`Action::Open`] failed; the connection is gone.
    pub fn connect_failed(&mut self, _now: Now, _conn: ConnId, _failure: ConnectFailure) {}
    /// Bytes were read.
    pub fn bytes(&mut self, _now: Now, _conn: ConnId, _bytes: &[u8]) {}
    /// The first `n` bytes of the connection's outbox were handed to the socket.
    pub fn wrote(&mut self, _now: Now, _conn: ConnId, _n: usize) {}
    /// The peer sends no more (it half-closed).
    pub fn end_of_stream(&mut self, _now: Now, _conn: ConnId) {}
    /// The connection broke (reset, write error); it is gone.
    pub fn closed(&mut self, _now: Now, _conn: ConnId) {}
    /// Time passed: call at or after [`Engine::next_deadline`].
    pub fn tick(&mut self, _now: Now) {}
    /// Another state is in force.
    pub fn new_state(&mut self, _now: Now, _state: Arc<State>) {}
    /// Take no new client; finish what is in flight, close clients as they become idle, and
    /// whatever is left after `grace`.
    pub fn drain(&mut self, _now: Now, _grace: Duration) {}

    // Out: to be looked at after every event, or at the end of a turn.

    /// Moves the connections that have got something to write since the last call to `dirty`.
    /// A connection stays the shell's to write until its outbox is empty.
    pub fn take_dirty(&mut self, _dirty: &mut Vec<ConnId>) {}
    /// The unsent bytes of a connection; empty if it is gone.
    #[must_use]
    pub fn outbox(&self, _conn: ConnId) -> &[u8] {
        &[]
    }
    /// Moves what must be done to `actions`, in order. Actions come after the writes: the
    /// shell first tries to write dirty outboxes, then acts.
    pub fn take_actions(&mut self, _actions: &mut Vec<Action>) {}
    /// When [`Engine::tick`] must be called next.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Nanos> {
        None
    }
    /// Moves finished exchanges to `records`, if [`Settings::access_records`] says so.
    pub fn take_records(&mut self, _records: &mut Vec<AccessRecord>) {}
    /// The tables now. Costs time linear in what it lists.
    #[must_use]
    pub fn snapshot(&self, _now: Now) -> Snapshot {
        Snapshot::default()
    }
    /// Whether a drain is complete: no client, no exchange, no lane.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        true
    }
}
