//! Does what the engine wants done besides writing.

use std::time::Duration;

use weft_engine::{Action, CloseCause, ConnId};

use super::ready::Token;
use super::socket::Phase;
use super::{Due, Worker};

/// How long a client that was told why it is closed has to read it.
const LINGER: Duration = Duration::from_secs(1);
/// Connections that linger at once; more are closed at once.
const LINGERING_MAX: usize = 1_024;

impl Worker {
    /// Performs the engine's actions in order; `true` if there was one.
    pub(super) fn act(&mut self) -> bool {
        let mut actions = std::mem::take(&mut self.actions);
        self.engine.take_actions(&mut actions);
        let any = !actions.is_empty();
        for action in actions.drain(..) {
            self.perform(action);
        }
        self.actions = actions;
        any
    }

    fn perform(&mut self, action: Action) {
        match action {
            Action::Open {
                conn,
                address,
                timeout,
            } => self.open(conn, &address, timeout),
            Action::Close { conn, cause } => self.close(conn, cause),
            Action::ShutdownWrite { conn } => {
                if let Some(socket) = self.sockets.get_mut(conn) {
                    socket.stream.shutdown_write();
                }
            }
            Action::Pause { conn } => {
                if let Some(socket) = self.sockets.get_mut(conn) {
                    socket.paused = true;
                }
            }
            Action::Resume { conn } => {
                if let Some(socket) = self.sockets.get_mut(conn)
                    && std::mem::take(&mut socket.paused)
                {
                    // What came meanwhile is read in the next turn, which follows at once.
                    self.again.push(Token::Conn(conn));
                }
            }
            Action::Report { conn, text } => self.report(conn, &text),
        }
    }

    /// Closes a connection. Where the peer may still be sending, a plain close would make the
    /// kernel reset the connection and lose our last words to it, so such a connection first
    /// sends its end and lingers.
    fn close(&mut self, conn: ConnId, cause: CloseCause) {
        let lingering = self.lingering;
        let Some(socket) = self.sockets.get_mut(conn) else {
            return;
        };
        let may_be_sending = matches!(
            cause,
            CloseCause::Malformed | CloseCause::CannotSay | CloseCause::Drained
        );
        if !may_be_sending
            || !socket.is_client
            || socket.read_ended
            || socket.phase != Phase::Open
            || lingering >= LINGERING_MAX
        {
            return self.remove(conn);
        }
        socket.stream.shutdown_write();
        socket.phase = Phase::Lingering;
        socket.paused = false;
        self.lingering += 1;
        if let Some(handle) = self.handle() {
            handle.client_went();
        }
        let now = self.now();
        self.put_off(now, LINGER, Due::Linger(conn));
        self.again.push(Token::Conn(conn));
    }

    fn report(&mut self, conn: ConnId, text: &str) {
        let now = self.now();
        let Some(suppressed) = self.complaints.admit(now.monotonic, text) else {
            return;
        };
        let peer = self
            .sockets
            .get_mut(conn)
            .map_or_else(|| "gone".to_owned(), |socket| socket.stream.peer());
        tracing::warn!(
            worker = self.number,
            connection = conn.number(),
            peer,
            suppressed,
            "{text}"
        );
    }
}
