//! The header of a hop frame, read and written. The layout is in `docs/hop.md`.

use std::borrow::Cow;

use crate::Extension;
use crate::extension::{self, NotWritable};

/// The first bytes of every frame. Read as a length they are over any limit, and no text begins
/// so.
pub const MAGIC: [u8; 3] = [0xF7, b'W', b'H'];

/// The version that is spoken here; the byte after the magic.
pub const VERSION: u8 = 1;

/// Bytes that every header has.
pub const FIXED_BYTES: usize = 24;

/// The longest header, its extensions included.
pub const HEADER_BYTES_MAX: usize = 4 << 10;

/// The longest time that fits the header, in milliseconds.
const LEFT_MS_MAX: u32 = 0x00FF_FFFF;

const KIND_AT: usize = 16;
const FLAGS_AT: usize = 17;
const EXTENSION_BYTES_AT: usize = 18;
const DETAIL_AT: usize = 20;

const MORE: u8 = 1;
const NOT_EXECUTED: u8 = 2;
const SILENT: u8 = 4;
const FLAGS_KNOWN: u8 = MORE | NOT_EXECUTED | SILENT;

/// What a hop frame is: a closed list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FrameKind {
    /// A request that is to be answered; its native frame follows.
    Request,
    /// A request that is not; its native frame follows.
    OneWay,
    /// A server's answer; its native frame follows.
    Answer,
    /// The other proxy's error: `detail` is its number in [`weft_codec::ProxyError::ALL`]. The
    /// same in the inner protocol's words follows, where it has some.
    Error,
    /// The caller has given up the exchange of this id.
    Cancel,
    /// Nothing new on this connection; what is in flight will be answered.
    GoAway,
    /// Asks whether the peer is alive.
    Ping,
    /// Answers a ping, under its id.
    Pong,
}

impl FrameKind {
    /// Every kind, in the order of declaration: the number on the wire is the place, from 1.
    pub const ALL: [Self; 8] = [
        Self::Request,
        Self::OneWay,
        Self::Answer,
        Self::Error,
        Self::Cancel,
        Self::GoAway,
        Self::Ping,
        Self::Pong,
    ];

    /// The number on the wire.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Request => 1,
            Self::OneWay => 2,
            Self::Answer => 3,
            Self::Error => 4,
            Self::Cancel => 5,
            Self::GoAway => 6,
            Self::Ping => 7,
            Self::Pong => 8,
        }
    }

    fn of(number: u8) -> Option<Self> {
        let place = usize::from(number.checked_sub(1)?);
        Self::ALL.get(place).copied()
    }

    /// Whether a native frame follows the header.
    #[must_use]
    pub const fn has_body(self) -> bool {
        matches!(
            self,
            Self::Request | Self::OneWay | Self::Answer | Self::Error
        )
    }

    /// Whether it concerns one exchange, and so has an id.
    #[must_use]
    pub const fn has_id(self) -> bool {
        !matches!(self, Self::GoAway)
    }
}

/// The header of one frame, without its extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// What the frame is.
    pub kind: FrameKind,
    /// The exchange, as the proxy that asks numbers it; 0 where the kind has none.
    pub id: u64,
    /// Bytes of the whole frame: header and body.
    pub frame_bytes: u32,
    /// Milliseconds that the caller will still wait, at least 1; 0 is without limit. Only
    /// requests have one.
    pub left_ms: u32,
    /// Another frame of the same answer follows.
    pub more: bool,
    /// Of an error: no server got a byte of the request.
    pub not_executed: bool,
    /// Of an answer or error: the caller wants to hear nothing of it, so there is no body.
    pub silent: bool,
    /// Of an error its number; of a request how often it was sent before, 255 and more alike;
    /// otherwise 0.
    pub detail: u8,
    /// Bytes of the extensions that stand between the fixed part and the body.
    pub extension_bytes: u16,
}

/// The extensions of a frame, one after the other; those of unknown type are passed over.
#[derive(Clone, Copy, Debug)]
pub struct Extensions<'a> {
    pub(crate) rest: &'a [u8],
}

impl<'a> Iterator for Extensions<'a> {
    type Item = Extension<'a>;

    fn next(&mut self) -> Option<Extension<'a>> {
        extension::next_known(&mut self.rest)
    }
}

/// Why no header could be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// So many bytes of the frame must be there.
    #[error("{0} bytes must be there")]
    Need(usize),
    /// The byte at this offset of the frame is wrong.
    #[error("byte {0}: {1}")]
    Wrong(usize, Cow<'static, str>),
}

impl Header {
    /// A header of this kind without a body, its other parts zero.
    #[must_use]
    pub const fn new(kind: FrameKind, id: u64) -> Self {
        Self {
            kind,
            id,
            frame_bytes: 24,
            left_ms: 0,
            more: false,
            not_executed: false,
            silent: false,
            detail: 0,
            extension_bytes: 0,
        }
    }

    /// Where the body begins, counted from the frame's first byte.
    #[must_use]
    pub fn body_at(&self) -> usize {
        FIXED_BYTES.saturating_add(self.extension_bytes.into())
    }

    /// Bytes of the body.
    #[must_use]
    pub fn body_bytes(&self) -> usize {
        (self.frame_bytes as usize).saturating_sub(self.body_at())
    }

    /// Reads the header at the beginning of `bytes`. Its extensions must be there too, since a
    /// head is not complete without them.
    ///
    /// # Errors
    /// [`HeaderError::Need`] while bytes are missing that could still make it a header; it is
    /// never asked for more than [`HEADER_BYTES_MAX`].
    #[inline]
    pub fn read(bytes: &[u8]) -> Result<Self, HeaderError> {
        let Some(fixed) = bytes.first_chunk::<FIXED_BYTES>() else {
            return Err(unfinished(bytes));
        };
        let [m0, m1, m2, version, l0, l1, l2, l3, rest @ ..] = *fixed;
        let [i0, i1, i2, i3, i4, i5, i6, i7, rest @ ..] = rest;
        let [kind, flags, e0, e1, detail, t0, t1, t2] = rest;
        check_magic([m0, m1, m2, version])?;
        let Some(kind) = FrameKind::of(kind) else {
            return Err(wrong(KIND_AT, format!("an unknown kind of frame, {kind}")));
        };
        if flags & !FLAGS_KNOWN != 0 {
            return Err(wrong(FLAGS_AT, format!("unknown flags, {flags:#04x}")));
        }
        let header = Self {
            kind,
            id: u64::from_be_bytes([i0, i1, i2, i3, i4, i5, i6, i7]),
            frame_bytes: u32::from_be_bytes([l0, l1, l2, l3]),
            left_ms: u32::from_be_bytes([0, t0, t1, t2]),
            more: flags & MORE != 0,
            not_executed: flags & NOT_EXECUTED != 0,
            silent: flags & SILENT != 0,
            detail,
            extension_bytes: u16::from_be_bytes([e0, e1]),
        };
        header.check()?;
        let end = header.body_at();
        match bytes.get(FIXED_BYTES..end) {
            None => Err(HeaderError::Need(end)),
            Some(extensions) => {
                extension::check(extensions)
                    .map_err(|(at, reason)| wrong(FIXED_BYTES.saturating_add(at), reason))?;
                Ok(header)
            }
        }
    }

    /// What the fields say together.
    #[inline]
    fn check(&self) -> Result<(), HeaderError> {
        let body_at = self.body_at();
        if body_at > HEADER_BYTES_MAX {
            let words =
                format!("a header of {body_at} bytes, over the limit of {HEADER_BYTES_MAX}");
            return Err(wrong(EXTENSION_BYTES_AT, words));
        }
        if (self.frame_bytes as usize) < body_at {
            let words = format!(
                "a frame of {} bytes, less than its header",
                self.frame_bytes
            );
            return Err(wrong(4, words));
        }
        if !self.kind.has_body() && self.frame_bytes as usize > body_at {
            return Err(wrong(4, format!("{:?} with a body", self.kind)));
        }
        let mute = self.silent || self.kind == FrameKind::Error;
        if self.kind.has_body() && !mute && self.body_bytes() == 0 {
            return Err(wrong(4, format!("{:?} without a body", self.kind)));
        }
        if self.kind.has_id() != (self.id != 0) {
            return Err(wrong(8, format!("{:?} with id {}", self.kind, self.id)));
        }
        let (answer, error) = (
            self.kind == FrameKind::Answer,
            self.kind == FrameKind::Error,
        );
        let misplaced = (self.more && !answer)
            || (self.not_executed && !error)
            || (self.silent && !(answer || error))
            || (self.silent && self.body_bytes() > 0);
        if misplaced {
            return Err(wrong(
                FLAGS_AT,
                format!("flags that {:?} has not", self.kind),
            ));
        }
        Ok(())
    }

    /// Appends the fixed part: the extensions, then the body, are to follow. A `left_ms` past 24
    /// bits, over four hours, is written as 0: then only who asks watches the time.
    #[inline]
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.fixed());
    }

    #[inline]
    fn fixed(&self) -> [u8; FIXED_BYTES] {
        let [m0, m1, m2] = MAGIC;
        let [l0, l1, l2, l3] = self.frame_bytes.to_be_bytes();
        let [i0, i1, i2, i3, i4, i5, i6, i7] = self.id.to_be_bytes();
        let [e0, e1] = self.extension_bytes.to_be_bytes();
        let left_ms = if self.left_ms > LEFT_MS_MAX {
            0
        } else {
            self.left_ms
        };
        let [_, t0, t1, t2] = left_ms.to_be_bytes();
        let mut flags = if self.more { MORE } else { 0 };
        flags |= if self.not_executed { NOT_EXECUTED } else { 0 };
        flags |= if self.silent { SILENT } else { 0 };
        [
            m0,
            m1,
            m2,
            VERSION,
            l0,
            l1,
            l2,
            l3,
            i0,
            i1,
            i2,
            i3,
            i4,
            i5,
            i6,
            i7,
            self.kind.number(),
            flags,
            e0,
            e1,
            self.detail,
            t0,
            t1,
            t2,
        ]
    }

    /// Writes the fixed part over the bytes at `at`, where room was left for it.
    #[inline]
    pub(crate) fn write_over(&self, at: usize, out: &mut [u8]) {
        let room = out.get_mut(at..at.saturating_add(FIXED_BYTES));
        if let Some(room) = room {
            room.copy_from_slice(&self.fixed());
        }
    }

    /// Appends header and extensions of a frame whose body has `body_bytes`, and sets
    /// `frame_bytes` and `extension_bytes` by them.
    ///
    /// # Errors
    /// [`NotWritable`] where the header or the frame would be too long; nothing was appended.
    pub fn write_with(
        &mut self,
        extensions: &[Extension<'_>],
        body_bytes: u32,
        out: &mut Vec<u8>,
    ) -> Result<(), NotWritable> {
        self.extension_bytes = extension::bytes(extensions)?;
        let header = u32::try_from(self.body_at()).map_err(|_| NotWritable)?;
        self.frame_bytes = header.checked_add(body_bytes).ok_or(NotWritable)?;
        self.write(out);
        extension::write(extensions, out);
        Ok(())
    }
}

/// Notes in the frame of a request how often it was sent before; more than 255 times is 255.
#[inline]
pub fn write_attempt(frame: &mut [u8], sent_before: u32) {
    if let Some(detail) = frame.get_mut(DETAIL_AT) {
        *detail = u8::try_from(sent_before).unwrap_or(u8::MAX);
    }
}

impl<'a> Extensions<'a> {
    /// Those of the frame that begins with this header; none where they are not all there.
    #[must_use]
    pub fn of(header: &Header, frame: &'a [u8]) -> Self {
        let rest = frame.get(FIXED_BYTES..header.body_at());
        Self {
            rest: rest.unwrap_or_default(),
        }
    }
}

/// What to say of fewer bytes than a header has.
#[cold]
fn unfinished(bytes: &[u8]) -> HeaderError {
    let known = crate::first_bytes();
    let differs = bytes.iter().zip(known).position(|(a, b)| *a != b);
    match differs {
        Some(_) => {
            let mut first = known;
            for (there, byte) in first.iter_mut().zip(bytes) {
                *there = *byte;
            }
            check_magic(first)
                .err()
                .unwrap_or(HeaderError::Need(FIXED_BYTES))
        }
        None => HeaderError::Need(FIXED_BYTES),
    }
}

#[inline]
fn check_magic([m0, m1, m2, version]: [u8; 4]) -> Result<(), HeaderError> {
    if [m0, m1, m2] != MAGIC {
        let words = "not a hop frame: does the other proxy speak hop here?";
        return Err(wrong(0, words));
    }
    if version != VERSION {
        let words = format!(
            "version {version} of the hop, but only {VERSION} is known here: \
             the proxy that answers must be upgraded first"
        );
        return Err(wrong(3, words));
    }
    Ok(())
}

#[cold]
fn wrong(at: usize, reason: impl Into<Cow<'static, str>>) -> HeaderError {
    HeaderError::Wrong(at, reason.into())
}

#[cfg(test)]
mod tests;
