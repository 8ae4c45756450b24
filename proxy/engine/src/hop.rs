//! Between two proxies: requests that come in hop frames, what is answered to them, and what
//! goes to another proxy.
//!
//! A hop frame is opened where it comes in. From there on the request inside is one of the native
//! protocol like any other; only its exchange knows that its answer goes back in a frame. On the
//! way out a lane's codec wraps what it is given, so nothing else need know of it.

use std::time::Duration;

use weft_codec::{Asked, Choice, Effect, EmitError, Head, Kind, ProxyError, Say, Sniff};
use weft_hop::{Extension, Extensions, FIXED_BYTES, FrameKind, Header, Inward};

use crate::admit::{Flow, Incoming};
use crate::answer::{self, Answer};
use crate::client::ClientKey;
use crate::exchange::{Exchange, ExchangeKey, Phase};
use crate::guard;
use crate::instance::InstanceKey;
use crate::lane::LaneKey;
use crate::report::Outcome;
use crate::{CloseCause, ConnId, Engine, Nanos};

/// The id of the ping that greets: no lane draws it.
const GREETING_ID: u64 = u64::MAX;

/// What a hop frame said of the request in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Around {
    /// The id of the hop.
    pub(crate) id: u64,
    /// Milliseconds that the caller will still wait.
    pub(crate) left_ms: Option<u32>,
    /// How often the proxy that asks sent it before.
    pub(crate) sent_before: u8,
}

/// Which branch of a listener that takes hop beside its protocol: 0 is hop.
pub(crate) fn choose(prefix: &[u8]) -> Choice {
    match weft_hop::sniff(prefix) {
        Sniff::Yes => Choice::Is(0),
        Sniff::No => Choice::Is(1),
        Sniff::Need(bytes) => Choice::Need(bytes),
    }
}

/// The native request in a hop frame of ours.
pub(crate) fn native(frame: &[u8]) -> &[u8] {
    let body_at = Header::read(frame).map_or(FIXED_BYTES, |header| header.body_at());
    frame.get(body_at..).unwrap_or_default()
}

/// The id that the native frame of an exchange carries.
#[inline]
pub(crate) fn native_id(exchange: &Exchange) -> u64 {
    if !exchange.hop {
        return exchange.caller_id;
    }
    weft_hop::noted(&exchange.asked).map_or(0, |noted| noted.native_id)
}

/// Notes in a request's hop frame how often it was sent before, here and by the proxy that asks.
#[cold]
pub(crate) fn count_attempt(exchange: &Exchange, frame: Option<&mut [u8]>) {
    let here = u32::from(exchange.attempts);
    let before = here.saturating_add(sent_before(exchange).into());
    weft_hop::write_attempt(frame.unwrap_or_default(), before);
}

/// How often the proxy that asks sent a request before this.
pub(crate) fn sent_before(exchange: &Exchange) -> u8 {
    let noted = exchange.hop.then(|| weft_hop::noted(&exchange.asked));
    noted.flatten().map_or(0, |noted| noted.sent_before)
}

/// Appends an answer in a hop frame; answers how many of the bytes are the frame's header.
#[cold]
pub(crate) fn emit_answer(
    asked: &Asked,
    answer: Answer<'_>,
    keeps_id: bool,
    out: &mut Vec<u8>,
) -> (usize, Result<(), EmitError>) {
    let before = out.len();
    let answering = Inward::begin_answer(asked, out);
    let emitted = answer::emit_answer(&weft_hop::native_asked(asked), answer, keeps_id, out);
    let ended = emitted.and_then(|()| {
        let rest = (answer.head.more, answer.missing());
        Inward::end_answer(&answering, rest, out)
    });
    if ended.is_err() {
        out.truncate(before);
    }
    (FIXED_BYTES, ended)
}

impl Engine {
    /// Takes a request out of its hop frame and admits it.
    #[inline(never)]
    pub(crate) fn hop_request(&mut self, key: ClientKey, outer: Incoming<'_>) -> Flow {
        let Some(hop) = &outer.listener.hop else {
            return Flow::Stop;
        };
        let limits = &outer.listener.listener.limits;
        let mut room: Vec<Head> = Vec::new();
        let taken = self
            .panics
            .catch(|| hop.inward.take(limits, outer.frame, &mut room));
        let taken = match taken {
            Some(Ok(taken)) => taken,
            Some(Err(malformed)) => return self.refuse_hop(key, outer, &malformed.to_string()),
            None => return self.refuse_hop(key, outer, guard::WORDS),
        };
        let around = Around {
            id: taken.id,
            left_ms: taken.left_ms,
            sent_before: taken.sent_before,
        };
        let incoming = Incoming {
            listener: &hop.native,
            head: &taken.head,
            frame: taken.frame,
            ahead: &[],
        };
        // Its exchange takes it; a request that must wait has none yet and comes again.
        self.around = Some(around);
        if taken.head.effect == Effect::Stateless {
            let flow = self.admit(key, incoming);
            self.around = None;
            return flow;
        }
        let exchange = self.begin_exchange(key, incoming);
        let words = "it changes the state of its connection, and the hop's is shared";
        self.fail(exchange, ProxyError::Unsupported, words, false);
        self.after_admission(key, exchange, incoming)
    }

    /// Puts the ids of the request at hand before what its codec remembers of it; answers the id
    /// of the hop, and until when the caller will wait.
    #[cold]
    pub(crate) fn note_around(&mut self, native_id: u64, asked: &mut Asked) -> (u64, Nanos) {
        let Some(around) = self.around.take() else {
            return (native_id, Nanos::NEVER);
        };
        weft_hop::note(around.id, around.sent_before, native_id, asked);
        let left = around.left_ms.map(|ms| Duration::from_millis(ms.into()));
        let deadline = left.map_or(Nanos::NEVER, |left| self.now.monotonic.after(left));
        (around.id, deadline)
    }

    fn refuse_hop(&mut self, key: ClientKey, outer: Incoming<'_>, words: &str) -> Flow {
        self.counters.malformed[0] += 1;
        let name = &outer.listener.listener.name;
        let text = format!("listener {name}: in a hop frame: {words}; the client is closed");
        self.report(ConnId::of_client(key), text);
        self.close_client_when_done(key, CloseCause::Malformed);
        Flow::Stop
    }

    /// Ends an exchange that its caller has given up. Other than a native caller the proxy must
    /// hear of the end, since the id is taken until then.
    pub(crate) fn cancel_hop(&mut self, key: ExchangeKey) {
        let Some(exchange) = self.exchanges.get(key) else {
            return;
        };
        if exchange.answer_begun || exchange.one_way || matches!(exchange.phase, Phase::Held(_)) {
            // Its end is on its way.
            return;
        }
        self.abandon(key, false);
        self.deliver_words(key, Outcome::Cancelled, |codec, asked, out| {
            let error = ProxyError::Deadline;
            let words = "weft: cancelled";
            let say = Say::Error {
                error,
                words,
                asked,
            };
            codec.say(&say, out).is_ok()
        });
    }

    /// Notes for the proxy that asks that it may ask another one: no server got a byte.
    pub(crate) fn note_not_executed(&mut self, key: ExchangeKey, error: ProxyError) {
        let Some(exchange) = self.exchanges.get_mut(key) else {
            return;
        };
        let elsewhere = match error {
            // Whatever was on a lane before went back without a byte of it written.
            ProxyError::NoInstance | ProxyError::ConnectFailed | ProxyError::ResetBeforeSending => {
                exchange.retries == 0
            }
            // It may be said after the answer came.
            ProxyError::Overload | ProxyError::Draining => exchange.attempts == 0,
            ProxyError::NoRoute
            | ProxyError::Deadline
            | ProxyError::RateLimited
            | ProxyError::Denied
            | ProxyError::ResetAfterSending
            | ProxyError::Malformed
            | ProxyError::Unsupported => false,
        };
        if elsewhere {
            weft_hop::note_not_executed(&mut exchange.asked);
        }
    }

    /// The first words on a lane to another proxy, among them what this one calls itself.
    pub(crate) fn greet(&mut self, key: LaneKey) {
        let Some(lane) = self.lanes.get_mut(key) else {
            return;
        };
        let out = lane.outbox.room(&mut self.spares);
        let before = out.len();
        let name = self.settings.name.as_bytes();
        let source = [Extension::Source(name)];
        let source = if name.is_empty() { &[][..] } else { &source };
        let mut header = Header::new(FrameKind::Ping, GREETING_ID);
        if header.write_with(source, 0, out).is_err() {
            // A name that is too long is not claimed.
            Header::new(FrameKind::Ping, GREETING_ID).write(out);
        }
        lane.queued += (out.len() - before) as u64;
    }

    /// Keeps what the proxy that asks calls itself, if it greets so: for operators to read.
    #[cold]
    pub(crate) fn note_source(&mut self, key: ClientKey, incoming: Incoming<'_>) {
        let Ok(header) = Header::read(incoming.frame) else {
            return;
        };
        if header.id != GREETING_ID {
            return;
        }
        for extension in Extensions::of(&header, incoming.frame) {
            if let Extension::Source(name) = extension {
                let name = String::from_utf8_lossy(name).into_owned();
                self.sources.insert(key.bits(), name);
            }
        }
    }

    /// Tells operators of an instance that ended a lane before it answered the first words; what
    /// callers are told.
    #[cold]
    pub(crate) fn not_greeted(&mut self, key: LaneKey, instance: InstanceKey) -> &'static str {
        let id = self.instances.get(instance).map(|run| &run.instance.id);
        let text = format!(
            "instance {}: it closed the connection instead of answering as a Weft proxy that takes \
             hop; is `hop: true` on its listener, and meant here?",
            id.map_or("", String::as_str)
        );
        self.report(ConnId::of_lane(key), text);
        "it does not answer as a Weft proxy that takes hop"
    }

    /// Whether the other proxy answers them; it may be going away instead.
    pub(crate) fn greeted(answer: Answer<'_>) -> bool {
        answer.head.kind == Kind::Pong && answer.head.id_value == GREETING_ID
    }

    /// Whether requests of this exchange's service go out in hop frames.
    pub(crate) fn speaks_hop(&self, exchange: &Exchange) -> bool {
        let service = exchange.rule.as_ref().map(|rule| rule.service);
        service
            .and_then(|service| self.services.get(service))
            .is_some_and(|service| service.hop.is_some())
    }
}
