//! One thread of a sample backend: accepts, reads all there is, answers all of it, writes once.

use std::collections::BinaryHeap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use slab::Slab;
use socket2::Socket;

use super::backend::{Backend, Served};
use super::behaviour::Fate;
use crate::poll::{Poller, Ready, TIMER};
use crate::stream::{Scratch, Stream};
use crate::wire::Protocol;

/// The token of the listener.
const LISTENER: u64 = u64::MAX - 1;

/// How often a thread without work looks whether it should stop.
const STOP_CHECK: Duration = Duration::from_millis(100);

/// Serves until `stop` is set and the answers that were due by then are out. Gives the number of
/// requests that it served.
pub(super) fn serve(listener: Socket, backend: Backend, stop: Arc<AtomicBool>) -> io::Result<u64> {
    let mut server = Server::new(listener, backend)?;
    let mut ready = Vec::new();
    while !stop.load(Ordering::Relaxed) || !server.delayed.is_empty() {
        server.poller.wait(STOP_CHECK, &mut ready)?;
        for event in &ready {
            server.handle(*event)?;
        }
    }
    Ok(server.served)
}

struct Server {
    poller: Poller,
    listener: Socket,
    backend: Backend,
    clients: Slab<Client>,
    generation: u32,
    delayed: BinaryHeap<Delayed>,
    /// When the timer fires; `None` where it is not armed.
    armed: Option<Duration>,
    started: Instant,
    random: fastrand::Rng,
    scratch: Scratch,
    served: u64,
}

/// A connected client.
struct Client {
    stream: Stream,
    /// Tells it from those that had its place before.
    generation: u32,
    /// When its latest delayed answer is due.
    last_due: Duration,
}

/// An answer that is not due yet. Ordered so that the next one due is the greatest.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Delayed {
    key: std::cmp::Reverse<(Duration, u64)>,
    client: usize,
    generation: u32,
    bytes: Vec<u8>,
}

impl Server {
    fn new(listener: Socket, backend: Backend) -> io::Result<Self> {
        let poller = Poller::new()?;
        poller.add(&listener, LISTENER, false)?;
        Ok(Self {
            poller,
            listener,
            backend,
            clients: Slab::new(),
            generation: 0,
            delayed: BinaryHeap::new(),
            armed: None,
            started: Instant::now(),
            random: fastrand::Rng::new(),
            scratch: Scratch::default(),
            served: 0,
        })
    }

    fn handle(&mut self, event: Ready) -> io::Result<()> {
        match event.token {
            LISTENER => self.accept(),
            TIMER => self.send_due(),
            token => {
                let place = usize::try_from(token).unwrap_or(usize::MAX);
                if event.writable {
                    self.flush(place);
                }
                if event.readable {
                    self.read(place)?;
                }
                Ok(())
            }
        }
    }

    fn accept(&mut self) -> io::Result<()> {
        loop {
            match self.listener.accept() {
                Ok((socket, _)) => {
                    socket.set_nonblocking(true)?;
                    // Unix sockets have no such option.
                    let _ = socket.set_tcp_nodelay(true);
                    self.generation = self.generation.wrapping_add(1);
                    let entry = self.clients.vacant_entry();
                    let token = entry.key() as u64;
                    entry.insert(Client {
                        stream: Stream::new(socket, token, false, &self.poller)?,
                        generation: self.generation,
                        last_due: Duration::ZERO,
                    });
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn read(&mut self, place: usize) -> io::Result<()> {
        let Some(client) = self.clients.get_mut(place) else {
            return Ok(());
        };
        if client.stream.is_stalled() {
            return Ok(());
        }
        if client.stream.read(&mut self.scratch).is_err() {
            self.clients.remove(place);
            return Ok(());
        }
        // Answers that are still waiting must not be overtaken by those to later requests.
        let behind = !client.last_due.is_zero() && client.last_due > self.started.elapsed();
        let goes_on = if self.backend.behaviour.delay().is_zero() && !behind {
            self.answer_now(place)
        } else {
            self.answer_later(place)?
        };
        self.flush(place);
        if !goes_on {
            self.clients.try_remove(place);
        }
        Ok(())
    }

    /// Answers everything in `scratch`; false if the connection is to be closed.
    fn answer_now(&mut self, place: usize) -> bool {
        let Some(client) = self.clients.get_mut(place) else {
            return false;
        };
        let begin = client.stream.out.len();
        let mut bounds = Vec::new();
        let mut used = 0;
        let shuffle =
            self.backend.behaviour.out_of_order && self.backend.protocol != Protocol::Redis;
        loop {
            let rest = self.scratch.bytes().get(used..).unwrap_or_default();
            match self
                .backend
                .serve(rest, &mut self.random, &mut client.stream.out)
            {
                Ok(None) => break,
                Ok(Some(Served {
                    fate: Fate::Close, ..
                }))
                | Err(_) => return false,
                Ok(Some(served)) => {
                    used += served.frame_bytes;
                    self.served += 1;
                    if shuffle {
                        bounds.push(client.stream.out.len());
                    }
                }
            }
        }
        if shuffle {
            reverse_answers(&mut client.stream.out, begin, &bounds);
        }
        client.stream.keep(&mut self.scratch, used);
        true
    }

    /// Puts the answers to everything in `scratch` on the heap; false if the connection is to be
    /// closed.
    fn answer_later(&mut self, place: usize) -> io::Result<bool> {
        let Some(client) = self.clients.get_mut(place) else {
            return Ok(false);
        };
        let behaviour = &self.backend.behaviour;
        let now = self.started.elapsed();
        let mut used = 0;
        loop {
            let mut bytes = Vec::new();
            let rest = self.scratch.bytes().get(used..).unwrap_or_default();
            match self.backend.serve(rest, &mut self.random, &mut bytes) {
                Ok(None) => break,
                Ok(Some(Served {
                    fate: Fate::Close, ..
                }))
                | Err(_) => return Ok(false),
                Ok(Some(served)) => {
                    used += served.frame_bytes;
                    self.served += 1;
                    let takes = behaviour.draw_delay(&mut self.random);
                    let due = behaviour.due(now, client.last_due, takes);
                    client.last_due = due.max(client.last_due);
                    self.delayed.push(Delayed {
                        key: std::cmp::Reverse((due, self.served)),
                        client: place,
                        generation: client.generation,
                        bytes,
                    });
                }
            }
        }
        client.stream.keep(&mut self.scratch, used);
        self.arm(now)?;
        Ok(true)
    }

    /// Writes every answer that is due, each connection once.
    fn send_due(&mut self) -> io::Result<()> {
        self.armed = None;
        let now = self.started.elapsed();
        let mut touched = Vec::new();
        while self.delayed.peek().is_some_and(|next| next.key.0.0 <= now) {
            let Some(answer) = self.delayed.pop() else {
                break;
            };
            let Some(client) = self.clients.get_mut(answer.client) else {
                continue;
            };
            if client.generation == answer.generation {
                client.stream.out.extend_from_slice(&answer.bytes);
                touched.push(answer.client);
            }
        }
        touched.sort_unstable();
        touched.dedup();
        for place in touched {
            self.flush(place);
        }
        self.arm(now)
    }

    /// Sees to it that the timer fires when the next answer is due.
    fn arm(&mut self, now: Duration) -> io::Result<()> {
        let Some(next) = self.delayed.peek().map(|next| next.key.0.0) else {
            return Ok(());
        };
        if self.armed.is_none_or(|armed| next < armed) {
            self.poller.wake_in(next.saturating_sub(now))?;
            self.armed = Some(next);
        }
        Ok(())
    }

    fn flush(&mut self, place: usize) {
        if let Some(client) = self.clients.get_mut(place)
            && client.stream.flush(&self.poller).is_err()
        {
            self.clients.remove(place);
        }
    }
}

/// Reverses the answers that begin at `begin` and end at `bounds`.
fn reverse_answers(out: &mut Vec<u8>, begin: usize, bounds: &[usize]) {
    if bounds.len() < 2 {
        return;
    }
    let answers = out.split_off(begin);
    for (n, end) in bounds.iter().enumerate().rev() {
        let start = n
            .checked_sub(1)
            .and_then(|m| bounds.get(m))
            .unwrap_or(&begin);
        out.extend_from_slice(answers.get(start - begin..end - begin).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_one_read_are_reversed_whole() {
        let mut out = b"old|aa|bbb|c".to_vec();
        reverse_answers(&mut out, 3, &[6, 10, 12]);
        assert_eq!(out, b"old|c|bbb|aa");
    }

    #[test]
    fn the_next_answer_due_is_the_first_off_the_heap() {
        let answer = |ms, n| Delayed {
            key: std::cmp::Reverse((Duration::from_millis(ms), n)),
            client: 0,
            generation: 0,
            bytes: Vec::new(),
        };
        let mut heap = BinaryHeap::from([answer(9, 1), answer(3, 2), answer(3, 1)]);
        let order: Vec<_> = std::iter::from_fn(|| heap.pop().map(|a| a.key.0)).collect();
        let ms = Duration::from_millis;
        assert_eq!(order, [(ms(3), 1), (ms(3), 2), (ms(9), 1)]);
    }
}
