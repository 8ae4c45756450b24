//! Extensions of a hop header: type, length, value. Who does not know a type passes over it, so
//! one may be added without another version.

/// The longest value, in bytes.
const VALUE_BYTES_MAX: usize = 1 << 10;
/// Type and length.
const PREFIX_BYTES: usize = 4;

const SOURCE: u16 = 1;
const TRACE: u16 = 2;

/// One extension of a known type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extension<'a> {
    /// What the proxy that asks calls itself. It is claimed, never verified: for logs and tables,
    /// not for a decision.
    Source(&'a [u8]),
    /// The trace context, in the bytes in which it came.
    Trace(&'a [u8]),
}

impl<'a> Extension<'a> {
    const fn parts(&self) -> (u16, &'a [u8]) {
        match *self {
            Self::Source(value) => (SOURCE, value),
            Self::Trace(value) => (TRACE, value),
        }
    }
}

/// The header or the frame would be longer than the format allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the hop frame, its header or an extension would be too long")]
pub struct NotWritable;

/// Bytes that these take.
pub(crate) fn bytes(extensions: &[Extension<'_>]) -> Result<u16, NotWritable> {
    let mut sum = 0usize;
    for extension in extensions {
        let (_, value) = extension.parts();
        if value.len() > VALUE_BYTES_MAX {
            return Err(NotWritable);
        }
        sum = sum.saturating_add(value.len()).saturating_add(PREFIX_BYTES);
    }
    if sum > crate::HEADER_BYTES_MAX.saturating_sub(crate::FIXED_BYTES) {
        return Err(NotWritable);
    }
    u16::try_from(sum).map_err(|_| NotWritable)
}

/// Appends them; [`bytes`] has found that they fit.
pub(crate) fn write(extensions: &[Extension<'_>], out: &mut Vec<u8>) {
    for extension in extensions {
        let (number, value) = extension.parts();
        let len = u16::try_from(value.len()).unwrap_or(u16::MAX);
        out.extend_from_slice(&number.to_be_bytes());
        out.extend_from_slice(&len.to_be_bytes());
        out.extend_from_slice(value);
    }
}

/// Whether `bytes` are whole extensions; else where and why not.
pub(crate) fn check(bytes: &[u8]) -> Result<(), (usize, &'static str)> {
    let mut rest = bytes;
    while !rest.is_empty() {
        let at = bytes.len().saturating_sub(rest.len());
        let Some((_, value)) = split(&mut rest) else {
            return Err((at, "an extension reaches past the header"));
        };
        if value.len() > VALUE_BYTES_MAX {
            return Err((at, "an extension over 1,024 bytes"));
        }
    }
    Ok(())
}

/// The next extension of a known type.
pub(crate) fn next_known<'a>(rest: &mut &'a [u8]) -> Option<Extension<'a>> {
    loop {
        match split(rest)? {
            (SOURCE, value) => return Some(Extension::Source(value)),
            (TRACE, value) => return Some(Extension::Trace(value)),
            _ => {}
        }
    }
}

fn split<'a>(rest: &mut &'a [u8]) -> Option<(u16, &'a [u8])> {
    let ([n0, n1, l0, l1], values) = rest.split_first_chunk::<PREFIX_BYTES>()?;
    let len = usize::from(u16::from_be_bytes([*l0, *l1]));
    let (value, after) = values.split_at_checked(len)?;
    *rest = after;
    Some((u16::from_be_bytes([*n0, *n1]), value))
}
