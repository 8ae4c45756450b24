//! The body of a hessian request: version of Dubbo, path, version of the service, method,
//! parameter types, arguments, attachments.

use weft_codec::Span;
use weft_hessian2::{Dialect, Item, Reader};

use crate::header::HEADER_BYTES;

/// Names that do not end within so many bytes of the frame are not read.
const NAMES_BYTES_MAX: usize = 16 << 10;

/// The attachment in which a caller says how many milliseconds it waits.
const TIMEOUT: &[u8] = b"timeout";

/// Where the parts of a request stand; offsets count from the frame's first byte.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Invocation {
    pub(crate) path: Span,
    pub(crate) version: Span,
    pub(crate) method: Span,
    /// Where the parameter types begin.
    pub(crate) types_at: u32,
    /// Where the value of the attachment `timeout` begins; 0 if there is none.
    pub(crate) timeout_at: u32,
}

/// Reads a whole request, or `None` if its names are not the texts that they should be: some
/// clients send other things, which only their servers understand.
pub(crate) fn read(frame: &[u8]) -> Option<Invocation> {
    let names = frame.get(..frame.len().min(NAMES_BYTES_MAX))?;
    let mut reader = Reader::new(Dialect::Final, names, HEADER_BYTES as usize);
    reader.text()?;
    let path = name(&mut reader)?;
    let version = name(&mut reader)?;
    let method = name(&mut reader)?;
    let types_at = u32::try_from(reader.at()).ok()?;
    let mut timeout_at = 0;
    each_attachment(frame, reader.at(), |key, value| {
        if key == TIMEOUT {
            timeout_at = u32::try_from(value.start).unwrap_or(0);
        }
    });
    Some(Invocation {
        path,
        version,
        method,
        types_at,
        timeout_at,
    })
}

fn name(reader: &mut Reader<'_>) -> Option<Span> {
    let item = reader.item()?;
    if let weft_hessian2::Scalar::Null = item.scalar {
        return Some(Span::default());
    }
    let length = item.text()?.len();
    let start = item.end.checked_sub(length)?;
    Some(Span::new(
        u32::try_from(start).ok()?,
        u32::try_from(length).ok()?,
    ))
}

/// Gives every attachment with a text as its name to `each`, in order, as far as they can be read.
pub(crate) fn each_attachment<'a>(
    frame: &'a [u8],
    types_at: usize,
    mut each: impl FnMut(&'a [u8], Item<'a>),
) -> Option<()> {
    let mut reader = Reader::new(Dialect::Final, frame, types_at);
    let mut types = reader.item()?;
    if types.text().is_none() {
        // Dubbox puts a number here, and the types after it.
        types = reader.item()?;
    }
    for _ in 0..parameters(types.text()?)? {
        reader.item()?;
    }
    reader.map(|key, value| {
        if let Some(key) = key.text() {
            each(key, value);
        }
        true
    })
}

/// How many parameters a list of types in the JVM's form names, for instance `ILjava/lang/String;`.
pub(crate) fn parameters(types: &[u8]) -> Option<usize> {
    let mut count = 0usize;
    let mut rest = types;
    while let [first, after @ ..] = rest {
        rest = after;
        match first {
            b'[' => continue,
            b'L' => {
                let end = rest.iter().position(|byte| *byte == b';')?;
                rest = rest.get(end.checked_add(1)?..)?;
            }
            _ => {}
        }
        count = count.saturating_add(1);
    }
    Some(count)
}
