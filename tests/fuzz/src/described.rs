//! Described protocols: those that ship with the project, and whatever text compiles.

use std::sync::LazyLock;

use weft_layout::Layout;

use crate::codecs::stream;
use crate::text::placed;

/// Bytes of a text that is compiled: about ten times the longest description that ships.
const TEXT_BYTES_MAX: usize = 32 << 10;

/// One of [`SHIPPED`].
macro_rules! shipped {
    ($folder:literal) => {
        (
            $folder,
            include_str!(concat!("../../../", $folder, "/protocol.ron")),
        )
    };
}

/// Every description that ships, and those that strangers to the language wrote: folder and text.
pub(crate) const SHIPPED: &[(&str, &str)] = &[
    shipped!("protocols/acme"),
    shipped!("protocols/brpc"),
    shipped!("protocols/cstruct"),
    shipped!("protocols/kafka"),
    shipped!("protocols/length-id"),
    shipped!("protocols/mqtt"),
    shipped!("protocols/records"),
    shipped!("codecs/layout/tests/strangers/kestrel"),
    shipped!("codecs/layout/tests/strangers/lantern"),
    shipped!("codecs/layout/tests/strangers/railbus"),
    shipped!("codecs/layout/tests/strangers/tally"),
    shipped!("codecs/layout/tests/strangers/vault"),
];

/// A stream of a shipped description: the first byte chooses which, the rest is as
/// [`stream`] has it.
pub(crate) fn shipped(input: &[u8]) -> Result<(), String> {
    static LAYOUTS: LazyLock<Vec<Option<Layout>>> = LazyLock::new(|| {
        let compile = |(_, text): &(&str, &str)| Layout::compile("shipped.ron", text).ok();
        SHIPPED.iter().map(compile).collect()
    });
    let Some((&choice, input)) = input.split_first() else {
        return Ok(());
    };
    let number = usize::from(choice) % SHIPPED.len();
    match LAYOUTS.get(number) {
        Some(Some(layout)) => stream(layout, input),
        _ => Err(format!("shipped description {number} does not compile")),
    }
}

/// A text up to the first zero byte, and behind it a stream for its program, if it compiles.
pub(crate) fn compiled(input: &[u8]) -> Result<(), String> {
    let end = input.iter().position(|byte| *byte == 0);
    let (text, bytes) = input.split_at(end.unwrap_or(input.len()));
    let text = text.get(..TEXT_BYTES_MAX).unwrap_or(text);
    let Ok(text) = std::str::from_utf8(text) else {
        return Ok(());
    };
    match Layout::compile("fuzz.ron", text) {
        Ok(layout) => stream(&layout, bytes.get(1..).unwrap_or_default()),
        Err(complaints) => placed(text, &complaints),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_description_that_ships_is_among_the_targets() {
        for (_, text) in SHIPPED {
            Layout::compile("shipped.ron", text).unwrap();
        }
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
        let mut found = 0;
        for folder in ["protocols", "codecs/layout/tests/strangers"] {
            for entry in std::fs::read_dir(format!("{root}/{folder}")).unwrap() {
                let file = entry.unwrap().path().join("protocol.ron");
                if let Ok(text) = std::fs::read_to_string(&file) {
                    let is_there = SHIPPED.iter().any(|(_, shipped)| *shipped == text);
                    assert!(is_there, "{}", file.display());
                    found += 1;
                }
            }
        }
        assert_eq!(found, SHIPPED.len());
    }
}
