//! A codec meets bytes from strangers. It must not panic; if it does, the connection whose bytes
//! it read is closed like one with malformed bytes, and nothing else.
//!
//! The guard stands around each single call, never around the engine's own work: between two
//! calls the engine's tables are whole, in the middle of its work they are not. A call that
//! panicked answers what does the least harm, and leaves a note; whoever handles the frame looks
//! for the note when it is done with it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use weft_codec::{
    Asked, CannotSay, Codec, EmitError, Field, Head, Limits, Malformed, ProxyError, Rewrite, Say,
    ScanState, Scanned, Side, Sniff, Tail, Traits, Value, Verdict,
};

use crate::client::ClientKey;
use crate::exchange::{ExchangeKey, Phase};
use crate::lane::LaneKey;
use crate::{CloseCause, ConnId, Engine};

/// What is said of the bytes.
pub(crate) const WORDS: &str =
    "the codec panicked over these bytes, which is a defect of the codec";

/// What the codecs of one engine did. Atomic only because a codec may be called from any thread;
/// here it is one.
#[derive(Debug, Default)]
pub(crate) struct Panics {
    noted: AtomicBool,
    count: AtomicU64,
}

impl Panics {
    /// Whether a codec has panicked; forgets it. For whoever handles a frame that came in.
    #[inline]
    pub(crate) fn take(&self) -> bool {
        self.is_noted() && self.replace(false)
    }

    /// Begins to handle something of one connection while a frame of perhaps another is handled;
    /// answers the note that was there, which belongs to that frame.
    #[inline]
    pub(crate) fn begin(&self) -> bool {
        self.replace(false)
    }

    /// Whether a codec has panicked since the innermost `begin`.
    #[inline]
    pub(crate) fn is_noted(&self) -> bool {
        self.noted.load(Ordering::Relaxed)
    }

    /// Ends what `begin` began: whether a codec panicked meanwhile. Puts back the `outer` note.
    #[inline]
    pub(crate) fn end(&self, outer: bool) -> bool {
        self.replace(outer)
    }

    /// Panics since the engine began.
    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    #[inline]
    fn replace(&self, with: bool) -> bool {
        let was = self.is_noted();
        if was != with {
            self.noted.store(with, Ordering::Relaxed);
        }
        was
    }

    /// Runs a codec's code; `None`, and a note, if it panicked.
    #[inline]
    pub(crate) fn catch<T>(&self, call: impl FnOnce() -> T) -> Option<T> {
        match catch_unwind(AssertUnwindSafe(call)) {
            Ok(result) => Some(result),
            Err(_) => {
                self.note();
                None
            }
        }
    }

    #[cold]
    fn note(&self) {
        self.noted.store(true, Ordering::Relaxed);
        self.count.fetch_add(1, Ordering::Relaxed);
    }
}

/// A codec whose panics are caught.
#[derive(Debug)]
pub(crate) struct Guarded {
    codec: Arc<dyn Codec>,
    panics: Arc<Panics>,
}

impl Guarded {
    pub(crate) fn new(codec: &Arc<dyn Codec>, panics: &Arc<Panics>) -> Arc<Self> {
        Arc::new(Self {
            codec: Arc::clone(codec),
            panics: Arc::clone(panics),
        })
    }

    /// Whether both guard the same codec.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.codec, &other.codec)
    }

    /// Runs a call that appends to `out`, and takes back what a panic left there.
    #[inline(always)]
    fn append<E>(
        &self,
        out: &mut Vec<u8>,
        fallback: impl FnOnce() -> E,
        call: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        let before = out.len();
        let room = &mut *out;
        match self.panics.catch(move || call(room)) {
            Some(result) => result,
            None => {
                out.truncate(before);
                Err(fallback())
            }
        }
    }
}

impl Codec for Guarded {
    fn name(&self) -> &str {
        self.codec.name()
    }

    fn traits(&self) -> &Traits {
        self.codec.traits()
    }

    fn sniff(&self, prefix: &[u8]) -> Sniff {
        let sniff = self.panics.catch(|| self.codec.sniff(prefix));
        sniff.unwrap_or(Sniff::No)
    }

    #[inline]
    fn scan(
        &self,
        side: Side,
        limits: &Limits,
        state: &mut ScanState,
        bytes: &[u8],
        heads: &mut Vec<Head>,
    ) -> Result<Scanned, Malformed> {
        let scan = || self.codec.scan(side, limits, state, bytes, heads);
        let scanned = self.panics.catch(scan);
        scanned.unwrap_or_else(|| {
            // It does not matter how far the codec came: the stream ends here.
            heads.clear();
            Err(Malformed::new(0, WORDS))
        })
    }

    #[inline]
    fn remember(&self, head: &Head, frame: &[u8], asked: &mut Asked) {
        let remember = || self.codec.remember(head, frame, asked);
        if self.panics.catch(remember).is_none() {
            asked.clear();
        }
    }

    #[inline]
    fn field<'a>(
        &self,
        side: Side,
        head: &Head,
        frame: &'a [u8],
        field: Field<'_>,
    ) -> Option<Value<'a>> {
        let codec = &*self.codec;
        let read = move || codec.field(side, head, frame, field);
        self.panics.catch(read).flatten()
    }

    fn hash_keys(&self, head: &Head, frame: &[u8], each: &mut dyn FnMut(&[u8]) -> bool) {
        // The note is all that is told of it.
        let _told = self
            .panics
            .catch(|| self.codec.hash_keys(head, frame, each));
    }

    #[inline]
    fn classify(&self, head: &Head, frame: &[u8]) -> Verdict {
        let codec = &*self.codec;
        let classify = move || codec.classify(head, frame);
        self.panics.catch(classify).unwrap_or(Verdict::Unavailable)
    }

    #[inline]
    fn emit(
        &self,
        side: Side,
        head: &Head,
        frame: &[u8],
        rewrite: &Rewrite<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), EmitError> {
        let codec = &*self.codec;
        self.append(out, panicked, move |out| {
            codec.emit(side, head, frame, rewrite, out)
        })
    }

    fn tail(&self, side: Side, head: &Head, frame: &[u8], emitted: &[u8]) -> Option<Tail> {
        let tail = || self.codec.tail(side, head, frame, emitted);
        self.panics.catch(tail).flatten()
    }

    #[inline]
    fn say(&self, what: &Say<'_>, out: &mut Vec<u8>) -> Result<(), CannotSay> {
        self.append(out, || CannotSay, |out| self.codec.say(what, out))
    }
}

/// Why a frame is not passed on after its codec panicked.
pub(crate) fn panicked() -> EmitError {
    EmitError::Malformed(Malformed::new(0, WORDS))
}

impl Engine {
    /// A codec panicked over what this client sent: the exchange of it ends, those before it
    /// finish, and the client takes nothing more.
    pub(crate) fn client_panicked(&mut self, key: ClientKey, exchange: Option<ExchangeKey>) {
        let lives = |engine: &Self, key| {
            engine
                .exchanges
                .get(key)
                .is_some_and(|exchange| !matches!(exchange.phase, Phase::Held(_)))
        };
        if let Some(exchange) = exchange.filter(|exchange| lives(self, *exchange)) {
            self.abandon(exchange, false);
            self.fail(exchange, ProxyError::Malformed, WORDS, false);
        }
        let Some(client) = self.clients.get_mut(key) else {
            return;
        };
        let cause = Some(CloseCause::Malformed);
        if client.flags.closing == cause {
            return;
        }
        // It may be closing already for want of the words that its codec could not find.
        client.flags.closing = cause;
        self.counters.malformed[0] += 1;
        let listener = &client.listener.listener.name;
        let text = format!("listener {listener}: {WORDS}; the client is closed");
        self.report(ConnId::of_client(key), text);
        self.close_client_when_done(key, CloseCause::Malformed);
    }

    /// A codec panicked over what this lane's server sent.
    pub(crate) fn lane_panicked(&mut self, key: LaneKey) {
        if self.lanes.get(key).is_none() {
            return;
        }
        self.counters.malformed[1] += 1;
        let text = format!("{}: {WORDS}; the lane is closed", self.lane_name(key));
        self.report(ConnId::of_lane(key), text);
        self.close_lane(key, CloseCause::Malformed);
    }
}
