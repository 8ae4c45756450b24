//! A client's bytes become frames: accept, scan, keep what is unfinished, hold what must wait.

use std::rc::Rc;

use weft_codec::{Asked, Codec as _, Correlation, Head, Kind, Say, Side};

use crate::admit::{Flow, Incoming};
use crate::buffer::{Outbox, Piece};
use crate::client::{Client, ClientKey, Flags, Pass, PassTo};
use crate::listener::ListenerRun;
use crate::report::Outcome;
use crate::wheel::Timer;
use crate::{CloseCause, ConnId, Engine, Nanos, Refused};

impl Engine {
    pub(crate) fn accept(&mut self, listener: usize) -> Result<ConnId, Refused> {
        let refused = match self.listeners.get(listener) {
            None => Some(Refused::UnknownListener),
            Some(run) if run.gone => Some(Refused::UnknownListener),
            Some(_) if self.draining.is_some() => Some(Refused::Draining),
            Some(_) if self.clients.len() >= self.settings.clients_max => Some(Refused::TooMany),
            Some(_) => None,
        };
        let Some(listener) = self.listeners.get(listener).cloned() else {
            return Err(Refused::UnknownListener);
        };
        if let Some(refused) = refused {
            self.counters.clients_refused += 1;
            return Err(refused);
        }
        self.counters.clients_accepted += 1;
        let now = self.now.monotonic;
        let eager = listener.is_eager();
        let key = self.clients.insert(Client {
            listener,
            partial: Vec::new(),
            scan: Default::default(),
            need: 0,
            outbox: Outbox::default(),
            first: None,
            last: None,
            in_flight: 0,
            id_high: 0,
            facets: None,
            pinned: None,
            tunnel: None,
            pass: None,
            streaming: None,
            blocks: None,
            moved: now,
            taken: 0,
            accepted: now,
            partial_since: now,
            last_read: now,
            timer: Timer::NONE,
            timer_at: Nanos::NEVER,
            binds: 0,
            flags: Flags::default(),
            tried: None,
        });
        self.arm_client(key);
        if eager {
            self.bind_early(key);
        }
        Ok(ConnId::of_client(key))
    }

    pub(crate) fn client_bytes(&mut self, key: ClientKey, bytes: &[u8]) {
        self.counters.downstream_bytes_in += bytes.len() as u64;
        let now = self.now.monotonic;
        let Some(client) = self.clients.get_mut(key) else {
            return;
        };
        if client.flags.closing.is_some() || client.flags.ended {
            return;
        }
        client.last_read = now;
        if client.flags.held {
            // It is paused; these bytes were read before the shell knew.
            client.partial.extend_from_slice(bytes);
            return;
        }
        if client.listener.correlation == Correlation::Raw {
            return self.relay_raw_request(key, Piece::Slice(bytes));
        }
        let bytes = if client.pass.is_some() {
            self.pass_request(key, bytes)
        } else {
            bytes
        };
        if bytes.is_empty() {
            return;
        }
        let Some(client) = self.clients.get_mut(key) else {
            return;
        };
        if client.flags.held {
            client.partial.extend_from_slice(bytes);
        } else if client.partial.is_empty() {
            self.scan_client(key, bytes, None);
        } else {
            client.partial.extend_from_slice(bytes);
            self.scan_partial(key);
        }
    }

    /// Scans what a client's partial buffer holds, if enough is there.
    pub(crate) fn scan_partial(&mut self, key: ClientKey) {
        let Some(client) = self.clients.get_mut(key) else {
            return;
        };
        if let Some(Pass {
            to: PassTo::Waiting(_),
            ..
        }) = client.pass
        {
            // These bytes belong to a large request that has no lane yet.
            client.flags.held = true;
            return;
        }
        if client.partial.len() < client.need {
            return;
        }
        let buffer = std::mem::take(&mut client.partial);
        let mut rest = 0;
        if client.pass.is_some() {
            rest = buffer.len() - self.pass_request(key, &buffer).len();
        }
        if rest == buffer.len() {
            self.spares.put(buffer);
            return;
        }
        self.scan_client(key, &[], Some((buffer, rest)));
    }

    /// Finds frames in `bytes`, or in a buffer from an offset on, and admits them one by one.
    /// What is left over is kept in the client's partial buffer.
    fn scan_client(&mut self, key: ClientKey, bytes: &[u8], buffer: Option<(Vec<u8>, usize)>) {
        let Some(client) = self.clients.get_mut(key) else {
            return;
        };
        let data = match &buffer {
            Some((buffer, from)) => buffer.get(*from..).unwrap_or_default(),
            None => bytes,
        };
        let listener = Rc::clone(&client.listener);
        let mut heads = std::mem::take(&mut self.heads);
        heads.clear();
        let codec = &listener.codec;
        let limits = &listener.listener.limits;
        let scan = &mut client.scan;
        let scanned = codec.scan(Side::Downstream, limits, scan, data, &mut heads);
        // It is told by what the scan answers.
        self.panics.take();
        let (flow, done) = self.request_frames(key, &listener, &heads, data);
        self.heads = heads;
        let rest = data.get(done.min(data.len())..).unwrap_or_default();
        match (flow, scanned) {
            (Flow::Stop, _) => {}
            (Flow::Hold, _) => {
                self.keep_partial(key, rest, 0, true);
                self.hold_client(key);
            }
            (Flow::Next, Ok(scanned)) => {
                if !rest.is_empty() {
                    // More of the same frame does not make it a younger one.
                    let is_new = done > 0 || !matches!(&buffer, Some((_, 0)));
                    self.keep_partial(key, rest, scanned.need, is_new);
                } else if let Some(client) = self.clients.get_mut(key) {
                    client.need = 0;
                }
            }
            (Flow::Next, Err(malformed)) => {
                self.counters.malformed[0] += 1;
                let text = format!(
                    "listener {}: not {}: {malformed}; the client is closed",
                    listener.listener.name,
                    codec.name()
                );
                self.report(ConnId::of_client(key), text);
                self.close_client_when_done(key, CloseCause::Malformed);
            }
        }
        if let Some((buffer, _)) = buffer {
            self.spares.put(buffer);
        }
    }

    /// Admits frames one by one; answers why it stopped, and where in `data`.
    fn request_frames(
        &mut self,
        key: ClientKey,
        listener: &Rc<ListenerRun>,
        heads: &[Head],
        data: &[u8],
    ) -> (Flow, usize) {
        let mut done = 0usize;
        for head in heads {
            let start = head.start as usize;
            let end = start.saturating_add(head.frame_bytes as usize);
            let frame = data.get(start..end.min(data.len())).unwrap_or_default();
            let incoming = Incoming {
                listener,
                head,
                frame,
                ahead: data.get(end..).unwrap_or_default(),
            };
            let accepted = self.counters.accepted;
            let flow = self.request_frame(key, incoming);
            if self.panics.take() {
                let its = self.begun.filter(|_| self.counters.accepted > accepted);
                self.client_panicked(key, its);
                return (Flow::Stop, done);
            }
            if flow != Flow::Next {
                return (flow, done);
            }
            done = end;
        }
        (Flow::Next, done)
    }

    /// Keeps an unfinished frame, which may have begun now, or frames that must wait.
    pub(crate) fn keep_partial(&mut self, key: ClientKey, rest: &[u8], need: usize, is_new: bool) {
        let now = self.now.monotonic;
        let Some(client) = self.clients.get_mut(key) else {
            return;
        };
        if client.partial.capacity() == 0 {
            client.partial = self.spares.take();
        }
        if is_new {
            client.partial_since = now;
        }
        client.partial.extend_from_slice(rest);
        client.need = need;
        self.arm_client(key);
    }

    /// Stops reading a client whose frames wait.
    fn hold_client(&mut self, key: ClientKey) {
        if let Some(client) = self.clients.get_mut(key) {
            client.flags.held = true;
            client.scan = Default::default();
            client.need = 0;
        }
        self.update_pause(key);
    }

    /// Lets a client's held frames go on, and closes it if that was all.
    pub(crate) fn resume_client(&mut self, key: ClientKey) {
        let Some(client) = self.clients.get_mut(key) else {
            return;
        };
        client.flags.listed = false;
        if client.in_flight == 0 {
            client.flags.barrier = false;
            client.id_high = 0;
        }
        if client.flags.outdated {
            self.renew_client(key);
        }
        let Some(client) = self.clients.get_mut(key) else {
            return;
        };
        if client.flags.held && client.flags.closing.is_none() {
            client.flags.held = false;
            client.flags.behind = false;
            if client.listener.correlation == Correlation::Raw {
                let held = std::mem::take(&mut client.partial);
                self.relay_raw_request(key, Piece::Slice(&held));
            } else {
                self.scan_partial(key);
            }
            self.update_pause(key);
        }
        self.finish_client(key);
    }

    /// Admits one frame from a client.
    fn request_frame(&mut self, key: ClientKey, incoming: Incoming<'_>) -> Flow {
        let Some(client) = self.clients.get(key) else {
            return Flow::Stop;
        };
        if client.flags.closing.is_some() {
            return Flow::Stop;
        }
        if client.pinned.is_some() || incoming.listener.is_bound() {
            return self.bound_frame(key, incoming);
        }
        match incoming.head.kind {
            Kind::Request | Kind::OneWay if incoming.listener.hop.is_some() => {
                self.hop_request(key, incoming)
            }
            Kind::Request | Kind::OneWay => self.admit(key, incoming),
            Kind::Ping => {
                if incoming.listener.hop.is_some() {
                    self.note_source(key, incoming);
                }
                self.answer_ping(key, incoming)
            }
            Kind::Cancel => self.cancel_by_id(key, incoming.head.id_value),
            Kind::Pong | Kind::GoAway => Flow::Next,
            Kind::Answer | Kind::Push | Kind::Handshake => {
                self.counters.malformed[0] += 1;
                let text = format!(
                    "listener {}: a client sent a frame that only servers send ({:?})",
                    incoming.listener.listener.name, incoming.head.kind
                );
                self.report(ConnId::of_client(key), text);
                self.close_client_when_done(key, CloseCause::Malformed);
                Flow::Stop
            }
        }
    }

    fn answer_ping(&mut self, key: ClientKey, incoming: Incoming<'_>) -> Flow {
        let codec = &incoming.listener.codec;
        let mut asked = Asked::default();
        codec.remember(incoming.head, incoming.frame, &mut asked);
        self.counters.pings += 1;
        let Some(client) = self.clients.get_mut(key) else {
            return Flow::Stop;
        };
        if client.streaming.is_some() {
            // An answer is in the middle of the stream; the pong must not cut it.
            return Flow::Hold;
        }
        let out = client.outbox.room(&mut self.spares);
        let before = out.len();
        let said = codec.say(&Say::Pong { asked: &asked }, out).is_ok();
        self.answer_bytes += out.len() - before;
        self.mark_client(key);
        if !said {
            self.close_client_when_done(key, CloseCause::CannotSay);
            return Flow::Stop;
        }
        self.update_pause(key);
        Flow::Next
    }

    fn cancel_by_id(&mut self, key: ClientKey, id: u64) -> Flow {
        let mut at = self.clients.get(key).and_then(|client| client.last);
        while let Some(candidate) = at {
            let Some(exchange) = self.exchanges.get(candidate) else {
                break;
            };
            at = exchange.previous;
            if exchange.caller_id == id && exchange.hop {
                self.cancel_hop(candidate);
                break;
            }
            if exchange.caller_id == id {
                self.abandon(candidate, false);
                self.finish(candidate, Outcome::Cancelled);
                break;
            }
        }
        Flow::Next
    }
}
