//! What is remembered of a request or a heartbeat: how its body is written, its id, and of a
//! heartbeat its body, which the answer repeats.
//!
//! Format: serialization (1 byte), id (8), the heartbeat's body to the end. It fits without an
//! allocation.

use weft_codec::{Asked, Head, Kind};

use crate::header::{self, SERIALIZATION};

/// What [`write`] wrote.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caller<'a> {
    pub(crate) serialization: u8,
    pub(crate) id: [u8; 8],
    pub(crate) body: &'a [u8],
}

/// The longest heartbeat that is repeated; a longer one is answered with nothing in it.
const BODY_BYTES_MAX: usize = 32;

/// Notes a request or a heartbeat.
#[inline]
pub(crate) fn write(head: &Head, frame: &[u8], asked: &mut Asked) {
    asked.bytes.push(header::flags(frame) & SERIALIZATION);
    asked.bytes.extend_from_slice(&head.id_value.to_be_bytes());
    if head.kind == Kind::Ping {
        let body = header::body(frame);
        if body.len() <= BODY_BYTES_MAX {
            asked.bytes.extend_from_slice(body);
        }
    }
}

/// Reads what [`write`] wrote, or `None` if it did not write it.
#[inline]
pub(crate) fn read(asked: &Asked) -> Option<Caller<'_>> {
    let (serialization, rest) = asked.bytes.split_first()?;
    let (id, body) = rest.split_first_chunk::<8>()?;
    Some(Caller {
        serialization: *serialization,
        id: *id,
        body,
    })
}
