//! Names and values in a frame: the header map, and the object that begins a hessian content.

use std::ops::Range;

use weft_hessian2::{Dialect, Item, Reader, Scalar};

use crate::{
    frame::CONTENT_BYTES_READ,
    layout::{Layout, serialization::HESSIAN2},
};

/// A value of the header map. Of a name that is there twice the last one counts, as for the
/// peers, who fill a map; of a map that is broken nothing counts.
pub(crate) fn header<'a>(layout: &Layout, frame: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let mut found = None;
    let read = each_header(layout, frame, |_, key, value| {
        if key == Some(name) {
            found = value;
        }
    });
    read.ok().and(found)
}

/// Gives every entry of the header map to `each`: where it stands in the map, its key, its value.
///
/// # Errors
/// Where in the map reading stopped.
pub(crate) fn each_header<'a>(
    layout: &Layout,
    frame: &'a [u8],
    mut each: impl FnMut(Range<usize>, Option<&'a [u8]>, Option<&'a [u8]>),
) -> Result<(), usize> {
    let map = layout.headers.of(frame).ok_or(0_usize)?;
    let mut rest = map;
    while !rest.is_empty() {
        let start = map.len().saturating_sub(rest.len());
        let (key, after) = text(rest).ok_or(start)?;
        let (value, after) = text(after).ok_or(start)?;
        rest = after;
        each(start..map.len().saturating_sub(rest.len()), key, value);
    }
    Ok(())
}

/// A length of four bytes and as many bytes; −1 is nothing.
fn text(bytes: &[u8]) -> Option<(Option<&[u8]>, &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    match i32::from_be_bytes(*length) {
        -1 => Some((None, rest)),
        length => {
            let (text, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
            Some((Some(text), rest))
        }
    }
}

/// A field of the object that begins a hessian content.
pub(crate) fn object_field<'a>(layout: &Layout, frame: &'a [u8], name: &str) -> Option<Item<'a>> {
    let (dialect, content) = hessian(layout, frame)?;
    let mut found = None;
    Reader::new(dialect, content, 0).object(|field, value| {
        if field == name.as_bytes() {
            found = Some(value);
        }
        found.is_none()
    });
    found
}

/// An entry of a map that is a field of the object that begins a hessian content.
pub(crate) fn map_entry<'a>(
    layout: &Layout,
    frame: &'a [u8],
    field: &str,
    name: &str,
) -> Option<Scalar<'a>> {
    let map = object_field(layout, frame, field)?;
    let (dialect, content) = hessian(layout, frame)?;
    let mut found = None;
    Reader::new(dialect, content, map.start).map(|key, value| {
        if key.text() == Some(name.as_bytes()) {
            found = Some(value.scalar);
        }
        true
    });
    found
}

/// The beginning of a hessian content: the same part of it whether the frame is there whole or
/// not.
pub(crate) fn hessian<'a>(layout: &Layout, frame: &'a [u8]) -> Option<(Dialect, &'a [u8])> {
    if layout.serialization != HESSIAN2 {
        return None;
    }
    let start = layout.content.start as usize;
    let length = layout.content.len.min(CONTENT_BYTES_READ) as usize;
    let there = frame.get(start..)?;
    let content = there.get(..length).unwrap_or(there);
    let dialect = match content.first()? {
        b'C' => Dialect::Final,
        _ => Dialect::Draft,
    };
    Some((dialect, content))
}
