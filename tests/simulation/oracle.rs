//! The oracle: what every request was, what became of it, and what must never happen.

use std::collections::{BTreeMap, BTreeSet};

use weft_codec::ProxyError;
use weft_engine::{CloseCause, Counters, Outcome, Snapshot};

use crate::message::{Message, Status};

/// What a client saw of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// A server's answer.
    Answer(u16, Status),
    /// The mesh's error.
    Error(ProxyError),
    /// A one-way: all bytes were written.
    Sent,
    /// The client left, or ended its run, before an outcome.
    Left,
    /// The connection was lost.
    Lost,
}

/// One request's whole story.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// Who asked.
    pub(crate) client: usize,
    /// May be executed twice.
    pub(crate) idempotent: bool,
    /// Asks for no answer.
    pub(crate) one_way: bool,
    /// When.
    pub(crate) at: u64,
    /// When its outcome was seen.
    pub(crate) ended: u64,
    /// What the client saw.
    pub(crate) seen: Option<Seen>,
    /// Which servers executed it, and when.
    pub(crate) executed: Vec<(u16, u64)>,
}

/// What a scenario permits.
#[derive(Clone, Debug, Default)]
pub(crate) struct Allowed {
    /// Errors that requests may end with.
    pub(crate) errors: Vec<ProxyError>,
    /// Causes for which a proxy may close a client that waits for answers.
    pub(crate) losses: Vec<CloseCause>,
    /// Connections between clients and proxies may be broken by faults, or the proxy restarted.
    pub(crate) faults: bool,
}

impl Allowed {
    /// Every error and cause: for the soup.
    pub(crate) fn everything() -> Self {
        Self {
            errors: ProxyError::ALL.to_vec(),
            losses: CloseCause::ALL.to_vec(),
            faults: true,
        }
    }

    /// These errors.
    pub(crate) fn errors(errors: &[ProxyError]) -> Self {
        Self {
            errors: errors.to_vec(),
            ..Self::default()
        }
    }
}

/// The judge of one run.
#[derive(Debug, Default)]
pub(crate) struct Oracle {
    /// All requests; the low half of a nonce is the index.
    pub(crate) requests: Vec<Request>,
    /// What went wrong, in words; empty is good.
    pub(crate) wrongs: Vec<String>,
    /// What the scenario permits.
    pub(crate) allowed: Allowed,
    /// Why proxies closed connections, by network connection.
    pub(crate) causes: BTreeMap<usize, CloseCause>,
    /// Network connections of clients whose proxy was restarted.
    pub(crate) orphans: BTreeSet<usize>,
    /// Answers that backends sent after they were told nobody waits, or unasked.
    pub(crate) forged: u64,
    /// Answers that backends sent.
    pub(crate) answers: u64,
    /// Largest sums seen: answers held, requests kept, largest client partial.
    pub(crate) peaks: [usize; 3],
    /// Pongs that clients got, and pings that they sent.
    pub(crate) pings: [u64; 2],
    /// The same of backends.
    pub(crate) server_pings: [u64; 2],
    /// Pushes that backends sent, and that clients got.
    pub(crate) pushes: [u64; 2],
    /// Go-aways that clients got.
    pub(crate) go_aways: u64,
    /// Cancels that backends got.
    pub(crate) cancels: u64,
    /// Logins that backends saw: more than clients made are replays.
    pub(crate) logins: u64,
}

impl Oracle {
    /// Something is wrong.
    pub(crate) fn wrong(&mut self, what: String) {
        if self.wrongs.len() < 12 {
            self.wrongs.push(what);
        }
    }

    /// A client asks: the nonce to ask with.
    pub(crate) fn ask(&mut self, now: u64, client: usize, kind: (bool, bool), salt: u32) -> u64 {
        let index = self.requests.len() as u64;
        self.requests.push(Request {
            client,
            idempotent: kind.0,
            one_way: kind.1,
            at: now,
            ended: 0,
            seen: None,
            executed: Vec::new(),
        });
        u64::from(salt) << 32 | index
    }

    fn of(&mut self, nonce: u64) -> Option<&mut Request> {
        self.requests.get_mut((nonce & 0xFFFF_FFFF) as usize)
    }

    /// A client got `message` where it expected the answer to `expected`.
    pub(crate) fn answered(&mut self, now: u64, expected: u64, message: &Message) {
        if message.nonce != expected && message.nonce != Message::NOBODYS {
            self.wrong(format!(
                "CROSS-TALK: the answer to {expected:#x} carries {:#x}: {message:?}",
                message.nonce
            ));
        }
        let seen = match message.status {
            Status::Proxy(error) => Seen::Error(error),
            status => Seen::Answer(message.name, status),
        };
        self.end(now, expected, seen);
    }

    /// A request has this outcome.
    pub(crate) fn end(&mut self, now: u64, nonce: u64, seen: Seen) {
        let permitted = match seen {
            Seen::Error(error) => self.allowed.errors.contains(&error),
            _ => true,
        };
        let Some(request) = self.of(nonce) else {
            return self.wrong(format!("an outcome for {nonce:#x}, which nobody asked"));
        };
        if let Some(before) = request.seen {
            let text = format!("{nonce:#x} has two outcomes: {before:?}, then {seen:?}");
            return self.wrong(text);
        }
        request.seen = Some(seen);
        request.ended = now;
        let executed = request.executed.clone();
        if !permitted {
            self.wrong(format!(
                "{nonce:#x} failed with {seen:?} at {now}, executed {executed:?}"
            ));
        }
        if let Seen::Answer(server, Status::Ok) = seen
            && !executed.iter().any(|(by, _)| *by == server)
            && server != crate::codec::MESH
        {
            self.wrong(format!(
                "{nonce:#x} was answered by {server}, which did not execute it"
            ));
        }
    }

    /// A client lost its connection with this request pending.
    pub(crate) fn lost(&mut self, now: u64, conn: usize, nonce: u64, broken: bool) {
        let cause = self.causes.get(&conn).copied();
        let permitted = match cause {
            Some(cause) => self.allowed.losses.contains(&cause),
            None => (broken || self.orphans.contains(&conn)) && self.allowed.faults,
        };
        if !permitted {
            self.wrong(format!(
                "a client's connection {conn} was closed at {now} with {nonce:#x} in flight, cause {cause:?}"
            ));
        }
        self.end(now, nonce, Seen::Lost);
    }

    /// A server executes a request.
    pub(crate) fn executed(&mut self, now: u64, nonce: u64, server: u16) {
        let Some(request) = self.of(nonce) else {
            return self.wrong(format!("{server} got {nonce:#x}, which nobody asked"));
        };
        request.executed.push((server, now));
        if request.executed.len() > 1 && !request.idempotent {
            let text = format!("{nonce:#x} is executed twice: {:?}", request.executed);
            self.wrong(text);
        }
    }

    /// Every request of every client has its outcome.
    pub(crate) fn check_outcomes(&mut self) {
        let mut wrongs = Vec::new();
        for (index, request) in self.requests.iter().enumerate() {
            if request.seen.is_none() {
                wrongs.push(format!("request {index:#x} has no outcome: {request:?}"));
            }
            if let Some(Seen::Error(error)) = request.seen
                && never_executed(error)
                && !request.idempotent
                && !request.executed.is_empty()
            {
                wrongs.push(format!(
                    "request {index:#x} was executed, but its error says it was not: {request:?}"
                ));
            }
        }
        wrongs.into_iter().for_each(|wrong| self.wrong(wrong));
    }

    /// A proxy's counters agree with each other and with its records.
    pub(crate) fn check_counters(&mut self, proxy: usize, snapshot: &Snapshot, told: &[Outcome]) {
        let c = &snapshot.counters;
        let ended = ended(c);
        if c.accepted != ended + snapshot.exchanges as u64 {
            self.wrong(format!(
                "proxy {proxy}: accepted {} but {ended} ended and {} are in flight: {c:?}",
                c.accepted, snapshot.exchanges
            ));
        }
        if told.len() as u64 != ended {
            self.wrong(format!(
                "proxy {proxy}: {ended} exchanges ended, {} were told",
                told.len()
            ));
        }
        let answered = told.iter().filter(|o| **o == Outcome::Answered).count() as u64;
        let sent = told.iter().filter(|o| **o == Outcome::Sent).count() as u64;
        if answered != c.answered || sent != c.sent {
            self.wrong(format!(
                "proxy {proxy}: records say {answered} answered and {sent} sent, counters {} and {}",
                c.answered, c.sent
            ));
        }
    }

    /// After everything is quiet a proxy holds nothing.
    pub(crate) fn check_quiet(&mut self, proxy: usize, s: &Snapshot) {
        let in_flight: u32 = s.lanes.iter().map(|l| l.in_flight).sum();
        let waiting: usize = s.services.iter().map(|v| v.waiting).sum();
        let busy: u32 = s
            .services
            .iter()
            .flat_map(|v| &v.instances)
            .map(|i| i.in_flight)
            .sum();
        let held = [
            ("exchanges", s.exchanges),
            ("waiting", s.waiting),
            ("answer bytes", s.answer_bytes),
            ("kept bytes", s.kept_bytes),
            ("clients", s.clients.len()),
            ("lanes", s.lanes.len()),
            ("in flight on lanes", in_flight as usize),
            ("waiting in services", waiting),
            ("in flight on instances", busy as usize),
        ];
        for (what, count) in held {
            if count != 0 {
                self.wrong(format!(
                    "proxy {proxy}: {count} {what} left when all is quiet: {:?} {:?}",
                    s.clients, s.lanes
                ));
            }
        }
    }

    /// How many requests ended so.
    pub(crate) fn count(&self, which: impl Fn(&Request) -> bool) -> usize {
        self.requests.iter().filter(|r| which(r)).count()
    }

    /// How many requests got a server's answer.
    pub(crate) fn served(&self) -> usize {
        self.count(|r| matches!(r.seen, Some(Seen::Answer(_, _))))
    }
}

/// The sum of all outcomes.
pub(crate) fn ended(c: &Counters) -> u64 {
    c.answered + c.failed.iter().sum::<u64>() + c.shed.iter().sum::<u64>() + c.sent + c.cancelled
}

/// Errors that promise that no server executed the request.
fn never_executed(error: ProxyError) -> bool {
    matches!(
        error,
        ProxyError::NoRoute
            | ProxyError::NoInstance
            | ProxyError::ConnectFailed
            | ProxyError::RateLimited
            | ProxyError::Denied
            | ProxyError::ResetBeforeSending
            | ProxyError::Unsupported
    )
}
