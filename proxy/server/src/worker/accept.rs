//! Clients come in: listeners, placement, and when accepting must pause.
//!
//! `SO_REUSEPORT` spreads a few long connections badly, so a worker that has clearly more
//! clients than another hands a new one over before it reads from it.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::net::{TcpListener, UnixListener};
use weft_engine::Refused;

use super::handle::ListenSpec;
use super::ready::{self, Token};
use super::socket::{Phase, PlainStream, Socket, Stream};
use super::{Due, Worker};
use crate::listen::ListenSocket;

/// Clients taken from one listener before other sockets have a turn.
const ACCEPTS_PER_TURN: usize = 64;
/// How long accepting pauses when there is no room.
const PAUSE: Duration = Duration::from_millis(100);

/// A listening socket of this worker.
#[derive(Debug)]
pub(super) struct Listening {
    id: u64,
    listener: usize,
    homed: bool,
    socket: Watched,
    waker: Waker,
}

#[derive(Debug)]
enum Watched {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Watched {
    fn watch(socket: &ListenSocket) -> io::Result<Self> {
        Ok(match socket {
            ListenSocket::Tcp(listener) => Self::Tcp(TcpListener::from_std(listener.try_clone()?)?),
            ListenSocket::Unix(listener) => {
                Self::Unix(UnixListener::from_std(listener.try_clone()?)?)
            }
        })
    }

    fn poll_accept(&self, context: &mut Context<'_>) -> Poll<io::Result<Stream>> {
        match self {
            Self::Tcp(listener) => listener
                .poll_accept(context)
                .map_ok(|(stream, _)| Stream::Tcp(stream)),
            Self::Unix(listener) => listener
                .poll_accept(context)
                .map_ok(|(stream, _)| Stream::Unix(stream)),
        }
    }
}

impl Worker {
    /// Makes the listeners those of `specs`: keeps sockets that are there, watches new ones,
    /// and takes what is in the queue of those that are gone before it lets go of them.
    pub(super) fn take_listeners(&mut self, specs: Vec<ListenSpec>) {
        let gone: Vec<u64> = self
            .listeners
            .iter()
            .map(|listening| listening.id)
            .filter(|id| specs.iter().all(|spec| spec.id != *id))
            .collect();
        for id in gone {
            self.accept(id);
            self.listeners.retain(|listening| listening.id != id);
        }
        for spec in specs {
            if let Some(known) = self.listeners.iter_mut().find(|known| known.id == spec.id) {
                known.listener = spec.listener;
                known.homed = spec.homed;
                continue;
            }
            let Some(list) = self.handle().map(|handle| Arc::clone(&handle.ready)) else {
                return;
            };
            match Watched::watch(&spec.socket) {
                Ok(socket) => self.listeners.push(Listening {
                    id: spec.id,
                    listener: spec.listener,
                    homed: spec.homed,
                    socket,
                    waker: ready::waker(&list, Token::Listener(spec.id)),
                }),
                Err(error) => {
                    tracing::error!(worker = self.number, %error, "cannot watch a listener");
                }
            }
            self.accept(spec.id);
        }
    }

    /// Takes the clients that wait at a listener.
    pub(super) fn accept(&mut self, id: u64) {
        let Some(index) = self.listeners.iter().position(|known| known.id == id) else {
            return;
        };
        for _ in 0..ACCEPTS_PER_TURN {
            if !self.shared.room_for_client() {
                self.pause_accepting("no room for another client");
                return;
            }
            let Some(listening) = self.listeners.get(index) else {
                return;
            };
            let (listener, homed) = (listening.listener, listening.homed);
            let mut context = Context::from_waker(&listening.waker);
            match listening.socket.poll_accept(&mut context) {
                Poll::Pending => return,
                Poll::Ready(Ok(stream)) => {
                    self.counters.accepts += 1;
                    if homed {
                        self.welcome(stream, listener);
                    } else {
                        self.place(stream, listener);
                    }
                }
                Poll::Ready(Err(error)) => {
                    self.counters.accept_errors += 1;
                    if lacks_resources(&error) {
                        self.pause_accepting(&error.to_string());
                        return;
                    }
                    tracing::debug!(worker = self.number, %error, "a client left before it was accepted");
                }
            }
        }
        self.again.push(Token::Listener(id));
    }

    fn pause_accepting(&mut self, reason: &str) {
        if self.accept_paused {
            return;
        }
        self.accept_paused = true;
        self.counters.accept_pauses += 1;
        let now = self.now();
        let text = format!("accepting pauses: {reason}");
        if let Some(suppressed) = self.complaints.admit(now.monotonic, &text) {
            tracing::warn!(worker = self.number, suppressed, "{text}");
        }
        self.put_off(now, PAUSE, Due::Accept);
    }

    pub(super) fn resume_accepting(&mut self) {
        self.accept_paused = false;
        let ids: Vec<u64> = self.listeners.iter().map(|known| known.id).collect();
        for id in ids {
            self.accept(id);
        }
    }

    /// Keeps a client or hands it to a worker with less to do.
    fn place(&mut self, stream: Stream, listener: usize) {
        let Some(other) = self.shared.better_place(self.number) else {
            return self.welcome(stream, listener);
        };
        match stream.unwatch() {
            Ok(plain) => match other.adopt(plain, listener) {
                Ok(()) => self.counters.moved += 1,
                Err(plain) => self.adopt(plain, listener),
            },
            Err(error) => {
                tracing::warn!(worker = self.number, %error, "cannot move a client");
            }
        }
    }

    /// Takes a client that another worker accepted.
    pub(super) fn adopt(&mut self, stream: PlainStream, listener: usize) {
        match Stream::watch(stream) {
            Ok(stream) => self.welcome(stream, listener),
            Err(error) => {
                tracing::warn!(worker = self.number, %error, "cannot take over a client");
            }
        }
    }

    /// Tells the engine of a client.
    fn welcome(&mut self, stream: Stream, listener: usize) {
        let now = self.now();
        let conn = match self.engine.accepted(now, listener) {
            Ok(conn) => conn,
            Err(refused) => {
                if refused != Refused::Draining {
                    let text = format!("a client was refused: {refused}");
                    if let Some(suppressed) = self.complaints.admit(now.monotonic, &text) {
                        tracing::warn!(worker = self.number, suppressed, "{text}");
                    }
                }
                return;
            }
        };
        let Some(list) = self.handle().map(|handle| Arc::clone(&handle.ready)) else {
            return;
        };
        self.add(
            conn,
            Socket {
                stream,
                waker: ready::waker(&list, Token::Conn(conn)),
                phase: Phase::Open,
                is_client: true,
                paused: false,
                read_ended: false,
                write_blocked: false,
            },
        );
        // Registers the waker; no bytes can have come to the runtime's notice yet.
        self.pump(conn);
    }
}

/// Whether accepting again at once would only fail again.
fn lacks_resources(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM)
    )
}
