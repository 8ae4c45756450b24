//! The codec of lanes that lead to another Weft proxy: native requests go out inside hop frames,
//! and what comes back is unwrapped.
//!
//! The two directions speak differently on purpose: `emit` downstream takes a *native* head and
//! frame, as the client sent it; `scan`, `classify` and `emit` upstream take *hop* frames.

use std::sync::Arc;

use weft_codec::{
    Asked, CannotSay, Codec, ConnectionState, Correlation, EmitError, Field, Head, IdDomain,
    IdKind, KeyNames, Kind, Limits, Malformed, NewId, OneWayAnswers, Order, ProxyError, Rewrite,
    Say, Sayings, ScanState, Scanned, Side, Sniff, Speaker, Traits, Value, Verdict,
};

use crate::frames::{self, ID_SPAN};
use crate::{FIXED_BYTES, FrameKind, Header};

/// What a lane to another proxy speaks, around the frames of an inner protocol.
#[derive(Debug)]
pub struct Outward {
    inner: Arc<dyn Codec>,
    name: String,
    traits: Traits,
}

impl Outward {
    /// A codec around `inner`.
    #[must_use]
    pub fn new(inner: Arc<dyn Codec>) -> Self {
        let says = Sayings {
            ping: true,
            cancel: true,
            deadline: true,
            ..Sayings::default()
        };
        let (name, traits) = (crate::name_of(&*inner), traits(&*inner, says));
        Self {
            inner,
            name,
            traits,
        }
    }
}

/// What both ends of a hop have in common, whatever the inner protocol is.
pub(crate) fn traits(inner: &dyn Codec, says: Sayings) -> Traits {
    Traits {
        correlation: Correlation::ById,
        order: Order::AsReady,
        state: ConnectionState::Stateless,
        ids: Some(IdDomain {
            kind: IdKind::Integer(8),
            wire_first: 1,
            wire_last: u64::MAX >> 1,
        }),
        speaks_first: Speaker::Downstream,
        one_way_answers: OneWayAnswers::Never,
        says,
        keys: KeyNames::default(),
        balance: inner.traits().balance,
        frame_bytes_min: frames::FIXED_BYTES_U32,
    }
}

impl Codec for Outward {
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

    fn remember(&self, head: &Head, _frame: &[u8], asked: &mut Asked) {
        asked.bytes.extend_from_slice(&head.id_value.to_be_bytes());
    }

    fn field<'a>(&self, _: Side, _: &Head, _: &'a [u8], _: Field<'_>) -> Option<Value<'a>> {
        None
    }

    fn classify(&self, head: &Head, frame: &[u8]) -> Verdict {
        let Ok(header) = Header::read(frame) else {
            return Verdict::Unavailable;
        };
        if header.kind == FrameKind::Error {
            return verdict_of(&header);
        }
        if header.silent {
            return Verdict::Ok;
        }
        match frames::inner_of(&header, head, frame) {
            Some((head, frame)) => self.inner.classify(&head, frame),
            None => Verdict::Unavailable,
        }
    }

    fn emit(
        &self,
        side: Side,
        head: &Head,
        frame: &[u8],
        rewrite: &Rewrite<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), EmitError> {
        match side {
            Side::Downstream => wrap(head, frame, rewrite, out),
            Side::Upstream => unwrap(frame, out),
        }
    }

    fn say(&self, what: &Say<'_>, out: &mut Vec<u8>) -> Result<(), CannotSay> {
        let header = match what {
            Say::Ping { id } => Header::new(FrameKind::Ping, *id),
            Say::Cancel { id } => Header::new(FrameKind::Cancel, *id),
            Say::Error { .. }
            | Say::Local { .. }
            | Say::Pong { .. }
            | Say::GoAway
            | Say::Farewell { .. } => {
                return Err(CannotSay);
            }
        };
        header.write(out);
        Ok(())
    }
}

/// A native request, or what has come of it, in a hop frame.
fn wrap(
    head: &Head,
    frame: &[u8],
    rewrite: &Rewrite<'_>,
    out: &mut Vec<u8>,
) -> Result<(), EmitError> {
    let NewId::Wire(id) = rewrite.id else {
        return Err(Malformed::new(0, "a request without an id of the lane").into());
    };
    let kind = match head.kind {
        Kind::Request => FrameKind::Request,
        Kind::OneWay => FrameKind::OneWay,
        _ => return Err(Malformed::new(0, "only requests pass the hop").into()),
    };
    let frame_bytes = head
        .frame_bytes
        .checked_add(frames::FIXED_BYTES_U32)
        .ok_or(EmitError::TooLong {
            bytes: u64::from(head.frame_bytes).saturating_add(FIXED_BYTES as u64),
            limit: u64::from(u32::MAX),
        })?;
    let left = rewrite.deadline_ms.unwrap_or(0);
    let header = Header {
        frame_bytes,
        left_ms: u32::try_from(left).unwrap_or(u32::MAX),
        ..Header::new(kind, id)
    };
    header.write(out);
    out.extend_from_slice(frame);
    Ok(())
}

/// The native frame inside an answer or error, or what has come of it.
fn unwrap(frame: &[u8], out: &mut Vec<u8>) -> Result<(), EmitError> {
    let header = Header::read(frame)
        .map_err(|_| EmitError::Malformed(Malformed::new(0, "not the head of a hop frame")))?;
    let body = frame.get(header.body_at()..).unwrap_or_default();
    if body.is_empty() && !header.silent {
        let error = frames::error_of(&header).map_or("an error", ProxyError::words);
        let words =
            format!("the other proxy says \"{error}\", for which the protocol has no words");
        return Err(Malformed::new(ID_SPAN.start as usize, words).into());
    }
    out.extend_from_slice(body);
    Ok(())
}

/// What the other proxy's error says of the request and of that proxy.
fn verdict_of(header: &Header) -> Verdict {
    if header.not_executed {
        return Verdict::NotExecuted;
    }
    match frames::error_of(header) {
        Some(ProxyError::Overload | ProxyError::RateLimited) => Verdict::Overload,
        Some(
            ProxyError::NoRoute
            | ProxyError::Denied
            | ProxyError::Malformed
            | ProxyError::Unsupported,
        ) => Verdict::ApplicationError,
        Some(
            ProxyError::NoInstance
            | ProxyError::ConnectFailed
            | ProxyError::Deadline
            | ProxyError::ResetBeforeSending
            | ProxyError::ResetAfterSending
            | ProxyError::Draining,
        )
        | None => Verdict::Unavailable,
    }
}

#[cfg(test)]
mod tests;
