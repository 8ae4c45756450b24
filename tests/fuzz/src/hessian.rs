//! The reader of hessian values over arbitrary bytes.

use weft_hessian2::{Dialect, Item, Reader};

/// Reads `input` value by value, and its first value as an object and as a map, in both dialects.
/// The first byte chooses where reading begins.
pub(crate) fn read(input: &[u8]) -> Result<(), String> {
    let Some((&choice, bytes)) = input.split_first() else {
        return Ok(());
    };
    let at = usize::from(choice & 0x0f);
    for dialect in [Dialect::Final, Dialect::Draft] {
        values(Reader::new(dialect, bytes, at), bytes, at)?;
        let mut wrong = Ok(());
        let mut last = at;
        Reader::new(dialect, bytes, at).object(|_, value| {
            wrong = inside(&value, bytes, last);
            last = value.end;
            wrong.is_ok()
        });
        wrong?;
        let mut wrong = Ok(());
        let mut last = at;
        Reader::new(dialect, bytes, at).map(|key, value| {
            wrong = inside(&key, bytes, last).and_then(|()| inside(&value, bytes, key.end));
            last = value.end;
            wrong.is_ok()
        });
        wrong?;
    }
    Ok(())
}

/// Every value takes a byte at least and lies behind the one before it.
fn values(mut reader: Reader<'_>, bytes: &[u8], at: usize) -> Result<(), String> {
    let mut last = at;
    while let Some(item) = reader.item() {
        inside(&item, bytes, last)?;
        if item.end != reader.at() {
            return Err(format!("{item:?} ends elsewhere than at {}", reader.at()));
        }
        last = item.end;
    }
    Ok(())
}

fn inside(item: &Item<'_>, bytes: &[u8], last: usize) -> Result<(), String> {
    // What is shown of it must be bounded too.
    let shown = item.scalar.to_string().len();
    if item.start < last || item.end <= item.start || item.end > bytes.len() || shown > 2_048 {
        return Err(format!("{item:?} of {} bytes, behind {last}", bytes.len()));
    }
    Ok(())
}
