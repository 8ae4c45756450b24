//! The codec of clients that are another Weft proxy: their hop frames are found, the native
//! request in each is taken out, and what is answered goes back in one.
//!
//! Requests are read, routed and sent on by the inner protocol's own codec: what is taken out is
//! a native head and a native frame. Only what concerns the connection itself is said here.

use std::sync::Arc;

use weft_codec::{
    Asked, CannotSay, Codec, EmitError, Field, Head, Limits, Malformed, Rewrite, Say, Sayings,
    ScanState, Scanned, Side, Sniff, Traits, Value, Verdict,
};

use crate::{FIXED_BYTES, FrameKind, Header, HeaderError, frames, outward};

/// What a client speaks that is another proxy, around the frames of an inner protocol.
#[derive(Debug)]
pub struct Inward {
    inner: Arc<dyn Codec>,
    name: String,
    traits: Traits,
}

/// A request that was taken out of its hop frame.
#[derive(Clone, Copy, Debug)]
pub struct Taken<'a> {
    /// The native head.
    pub head: Head,
    /// The native frame, or what has come of it; at least its head.
    pub frame: &'a [u8],
    /// Its id on the hop.
    pub id: u64,
    /// Milliseconds that the caller will still wait, if it said so.
    pub left_ms: Option<u32>,
    /// How often the proxy that asks sent it before; 255 is so often or more.
    pub sent_before: u8,
}

/// An answer to a request that came by the hop, as it is written.
#[derive(Debug)]
pub struct Answering {
    begin: usize,
    id: u64,
}

impl Inward {
    /// A codec around `inner`.
    #[must_use]
    pub fn new(inner: Arc<dyn Codec>) -> Self {
        let says = Sayings {
            error: true,
            pong: true,
            go_away: true,
            deadline: true,
            ..Sayings::default()
        };
        let (name, traits) = (crate::name_of(&*inner), outward::traits(&*inner, says));
        Self {
            inner,
            name,
            traits,
        }
    }

    /// Takes the native request out of a hop frame that [`Codec::scan`] found.
    ///
    /// # Errors
    /// [`Malformed`] where there is not one native request in it, with the offset in `frame`.
    pub fn take<'a>(
        &self,
        limits: &Limits,
        frame: &'a [u8],
        room: &mut Vec<Head>,
    ) -> Result<Taken<'a>, Malformed> {
        let header = Header::read(frame).map_err(|error| match error {
            HeaderError::Need(bytes) => Malformed::new(bytes, "the header is cut off"),
            HeaderError::Wrong(at, reason) => Malformed::new(at, reason),
        })?;
        let (head, frame) = frames::look(&*self.inner, limits, &header, frame, room)?;
        Ok(Taken {
            head,
            frame,
            id: header.id,
            left_ms: (header.left_ms > 0).then_some(header.left_ms),
            sent_before: header.detail,
        })
    }

    /// Begins the hop frame of an answer; the native frame is to be appended to `out` next.
    #[inline]
    pub fn begin_answer(asked: &Asked, out: &mut Vec<u8>) -> Answering {
        let begin = out.len();
        out.extend_from_slice(&[0; FIXED_BYTES]);
        let id = noted(asked).map_or(0, |noted| noted.id);
        Answering { begin, id }
    }

    /// Ends it: `more` frames of the same answer follow, and of this one `missing` bytes. An
    /// answer of which nothing was appended is one that its caller does not want to hear.
    ///
    /// # Errors
    /// [`EmitError::TooLong`]; then nothing stays appended.
    #[inline]
    pub fn end_answer(
        answering: &Answering,
        (more, missing): (bool, u64),
        out: &mut Vec<u8>,
    ) -> Result<(), EmitError> {
        let written = out.len().saturating_sub(answering.begin) as u64;
        let silent = written <= FIXED_BYTES as u64;
        let bytes = written.saturating_add(if silent { 0 } else { missing });
        let Ok(frame_bytes) = u32::try_from(bytes) else {
            out.truncate(answering.begin);
            let limit = u64::from(u32::MAX);
            return Err(EmitError::TooLong { bytes, limit });
        };
        let header = Header {
            frame_bytes,
            more,
            silent,
            ..Header::new(FrameKind::Answer, answering.id)
        };
        header.write_over(answering.begin, out);
        Ok(())
    }
}

/// Bytes of a note before what the inner codec remembers.
const NOTE_BYTES: usize = 18;

/// What is remembered of a request that came by the hop, before what its codec remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Noted {
    /// Its id on the hop.
    pub id: u64,
    /// The id in its native head.
    pub native_id: u64,
    /// How often it was sent before.
    pub sent_before: u8,
    /// No server got a byte of it.
    pub not_executed: bool,
}

/// Puts what the hop frame said of a request before what its codec noted in `asked`.
pub fn note(id: u64, sent_before: u8, native_id: u64, asked: &mut Asked) {
    let mut bytes = [0; NOTE_BYTES];
    let (ids, rest) = bytes.split_at_mut(16);
    let (hop, native) = ids.split_at_mut(8);
    hop.copy_from_slice(&id.to_be_bytes());
    native.copy_from_slice(&native_id.to_be_bytes());
    rest.copy_from_slice(&[sent_before, 0]);
    asked.bytes.insert_from_slice(0, &bytes);
}

/// Reads what [`note`] has put there.
#[must_use]
pub fn noted(asked: &Asked) -> Option<Noted> {
    let (id, rest) = asked.bytes.split_first_chunk::<8>()?;
    let (native_id, rest) = rest.split_first_chunk::<8>()?;
    let ([sent_before, not_executed], _) = rest.split_first_chunk::<2>()?;
    Some(Noted {
        id: u64::from_be_bytes(*id),
        native_id: u64::from_be_bytes(*native_id),
        sent_before: *sent_before,
        not_executed: *not_executed == 1,
    })
}

/// Notes that no server got a byte of the request.
pub fn note_not_executed(asked: &mut Asked) {
    if let Some(flag) = asked.bytes.get_mut(NOTE_BYTES.saturating_sub(1)) {
        *flag = 1;
    }
}

/// What the inner codec noted.
#[must_use]
pub fn native_asked(asked: &Asked) -> Asked {
    let bytes = asked.bytes.get(NOTE_BYTES..).unwrap_or_default();
    Asked {
        bytes: bytes.into(),
    }
}

impl Codec for Inward {
    fn name(&self) -> &str {
        &self.name
    }

    fn traits(&self) -> &Traits {
        &self.traits
    }

    fn sniff(&self, prefix: &[u8]) -> Sniff {
        frames::sniff(prefix)
    }

    fn scan(
        &self,
        side: Side,
        limits: &Limits,
        state: &mut ScanState,
        bytes: &[u8],
        heads: &mut Vec<Head>,
    ) -> Result<Scanned, Malformed> {
        frames::scan(&*self.inner, (side, limits), state, bytes, heads)
    }

    /// For pings: what comes by [`Inward::take`] is noted with [`note`].
    fn remember(&self, head: &Head, _frame: &[u8], asked: &mut Asked) {
        note(head.id_value, 0, 0, asked);
    }

    fn field<'a>(&self, _: Side, _: &Head, _: &'a [u8], _: Field<'_>) -> Option<Value<'a>> {
        None
    }

    fn classify(&self, _: &Head, _: &[u8]) -> Verdict {
        Verdict::Unavailable
    }

    fn emit(
        &self,
        _: Side,
        _: &Head,
        _: &[u8],
        _: &Rewrite<'_>,
        _: &mut Vec<u8>,
    ) -> Result<(), EmitError> {
        Err(Malformed::new(0, "hop frames go no further").into())
    }

    fn say(&self, what: &Say<'_>, out: &mut Vec<u8>) -> Result<(), CannotSay> {
        let begin = out.len();
        match what {
            Say::Error {
                error,
                words,
                asked,
            } => {
                let noted = noted(asked).ok_or(CannotSay)?;
                Header::new(FrameKind::Error, noted.id).write(out);
                let native = Say::Error {
                    error: *error,
                    words,
                    asked: &native_asked(asked),
                };
                let said = self.inner.say(&native, out).is_ok();
                let bytes = out.len().saturating_sub(begin);
                let header = Header {
                    frame_bytes: u32::try_from(bytes).map_err(|_| CannotSay)?,
                    not_executed: noted.not_executed,
                    silent: said && bytes == FIXED_BYTES,
                    detail: frames::number_of(*error),
                    ..Header::new(FrameKind::Error, noted.id)
                };
                header.write_over(begin, out);
            }
            Say::Pong { asked } => {
                let id = noted(asked).ok_or(CannotSay)?.id;
                Header::new(FrameKind::Pong, id).write(out);
            }
            Say::GoAway => Header::new(FrameKind::GoAway, 0).write(out),
            Say::Local { .. } | Say::Farewell { .. } | Say::Ping { .. } | Say::Cancel { .. } => {
                return Err(CannotSay);
            }
        }
        Ok(())
    }
}
