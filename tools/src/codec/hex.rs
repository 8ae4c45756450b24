//! Bytes as people paste them: hexadecimal digits with blanks, `0x`, `\x`, commas or colons, and
//! the listings of `xxd`, `hexdump -C`, `od -A x -t x1`, tcpdump and Wireshark with their offsets
//! and columns of text.

use anyhow::{anyhow, bail};

/// The bytes in a text.
///
/// # Errors
/// A character that is no hexadecimal digit, with its line; half a byte; a listing whose lines
/// do not follow each other, or whose order of bytes depends on a machine.
pub(crate) fn parse(text: &str) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut listing = Listing::default();
    for (n, line) in text.lines().enumerate() {
        let line_number = n.saturating_add(1);
        let digits = listing
            .digits(line, bytes.len())
            .map_err(|what| anyhow!("line {line_number}: {what}"))?;
        append(digits, &mut bytes).map_err(|what| anyhow!("line {line_number}: {what}"))?;
    }
    Ok(bytes)
}

/// What is known of the offsets before the lines.
#[derive(Default)]
struct Listing {
    /// The offset before the first line, if there was one.
    first: Option<u64>,
}

impl Listing {
    /// The part of a line that holds digits of bytes; `read` bytes came before it.
    fn digits<'l>(&mut self, line: &'l str, read: usize) -> anyhow::Result<&'l str> {
        let line = line.split('#').next().unwrap_or_default().trim();
        if line == "*" {
            bail!("equal lines were left out of the listing: make it with `hexdump -v -C`");
        }
        let (word, rest) = line.split_once([' ', '\t']).unwrap_or((line, ""));
        // xxd, tcpdump: the offset has a colon, the text stands behind two blanks.
        if let Some(offset) = word.strip_suffix(':')
            && !rest.is_empty()
            && let Some(at) = number(offset)
        {
            self.follow(at, read)?;
            return Ok(rest.trim_start().split("  ").next().unwrap_or_default());
        }
        let groups: Vec<&str> = rest.split_whitespace().collect();
        let offset = number(word).filter(|_| word.len() >= 4);
        let Some(at) = offset else {
            return Ok(line);
        };
        if groups.is_empty() {
            // The last line of hexdump and od is an offset alone.
            let ends = self
                .first
                .is_some_and(|first| at.checked_sub(first) == Some(read as u64));
            return Ok(if ends { "" } else { line });
        }
        if word.len() == 7 && groups.iter().all(|group| group.len() == 4) {
            bail!(
                "`hexdump` without -C shows words in its machine's order of bytes: use \
                 `hexdump -C` or `xxd`"
            );
        }
        // hexdump -C, od, Wireshark: an offset, then bytes one by one.
        if groups.first().is_some_and(|group| group.len() == 2) {
            self.follow(at, read)?;
            let rest = rest.split('|').next().unwrap_or_default().trim_start();
            return Ok(rest.split("   ").next().unwrap_or_default());
        }
        Ok(line)
    }

    fn follow(&mut self, at: u64, read: usize) -> anyhow::Result<()> {
        let first = *self.first.get_or_insert(at);
        if at.checked_sub(first) != Some(read as u64) {
            let expected = first.saturating_add(read as u64);
            bail!("the offset is {at:#x}, but {expected:#x} would follow the bytes before it");
        }
        Ok(())
    }
}

/// An offset.
fn number(word: &str) -> Option<u64> {
    let digits = word.strip_prefix("0x").unwrap_or(word);
    u64::from_str_radix(digits, 16).ok()
}

/// Appends the bytes of one line.
fn append(digits: &str, bytes: &mut Vec<u8>) -> anyhow::Result<()> {
    let separators = |c: char| c.is_whitespace() || matches!(c, ',' | ':' | '_' | ';' | '"' | '\'');
    for word in digits.split(separators).filter(|word| !word.is_empty()) {
        let word = word.replace("0x", "").replace("\\x", "");
        let mut half = None;
        for character in word.chars() {
            let Some(digit) = character
                .to_digit(16)
                .and_then(|digit| u8::try_from(digit).ok())
            else {
                bail!("`{character}` is no hexadecimal digit");
            };
            half = match half {
                None => Some(digit),
                Some(high) => {
                    bytes.push(high << 4 | digit);
                    None
                }
            };
        }
        if half.is_some() {
            bail!("`{word}` has an odd number of hexadecimal digits");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::parse;

    const BYTES: [u8; 20] = [
        0, 0, 0, 0x10, 0x80, 1, 0, 1, 0, 0, 0, 4, b'e', b'c', b'h', b'o', 0, 0, 0, 7,
    ];

    #[track_caller]
    fn reads(text: &str) {
        assert_eq!(parse(text).unwrap(), BYTES, "{text}");
    }

    #[test]
    fn digits_may_be_grouped_as_one_likes() {
        reads("0000001080010001000000046563686f00000007");
        reads("0000 0010 8001 0001\n0000 0004 6563 686f 0000 0007");
        reads("0x00,0x00,0x00,0x10, 0x80010001 0x00000004, 0x6563686f 0x00000007");
        reads("\\x00\\x00\\x00\\x10\\x80\\x01\\x00\\x01 00:00:00:04:65:63:68:6f 00000007 # a call");
    }

    #[test]
    fn listings_are_read_without_their_offsets_and_texts() {
        reads(
            "00000000: 0000 0010 8001 0001 0000 0004 6563 686f  ............echo\n\
             00000010: 0000 0007                                ....",
        );
        reads(
            "00000000  00 00 00 10 80 01 00 01  00 00 00 04 65 63 68 6f  |............echo|\n\
             00000010  00 00 00 07                                       |....|\n00000014",
        );
        reads(
            "000000 00 00 00 10 80 01 00 01 00 00 00 04 65 63 68 6f\n\
             000010 00 00 00 07\n000014",
        );
        reads(
            "0000  00 00 00 10 80 01 00 01 00 00 00 04 65 63 68 6f   ............echo\n\
             0010  00 00 00 07                                       ab..",
        );
        reads(
            "\t0x0020:  0000 0010 8001 0001 0000 0004 6563 686f  ............echo\n\
             \t0x0030:  0000 0007                                ab..",
        );
    }

    #[test]
    fn what_cannot_be_read_is_said_with_its_line() {
        for (text, said) in [
            ("00\n0g", "line 2: `g`"),
            ("00 1", "line 1: `1` has an odd number"),
            (
                "00000000: 0001\n00000004: 0203",
                "line 2: the offset is 0x4, but 0x2",
            ),
            ("0000000 0000 1000", "hexdump -C"),
            ("00000000  00 00\n*\n00000020  00 00", "left out"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(said), "{text:?}: {error}");
        }
    }
}
