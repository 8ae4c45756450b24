//! A tolerant tokenizer: enough of RON to find places in a text, right or wrong. It never fails;
//! what it cannot read is a token of one character.

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// `(`, `[` or `{`.
    Open,
    /// `)`, `]` or `}`.
    Close,
    /// `,`.
    Comma,
    /// `:`.
    Colon,
    /// A string, character or byte string, with its quotes.
    Quoted,
    /// A name, number, range or anything else.
    Word,
}

/// A piece of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    /// What it is.
    pub(crate) class: Class,
    /// Byte offset of its first byte.
    pub(crate) start: usize,
    /// Byte offset behind its last byte.
    pub(crate) end: usize,
}

impl Token {
    /// Its text.
    pub(crate) fn of(self, text: &str) -> &str {
        text.get(self.start..self.end).unwrap_or_default()
    }
}

/// All tokens of a text, in order; comments and blanks are left out.
pub(crate) struct Tokens<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Tokens<'t> {
    /// The tokens from `at` on.
    pub(crate) fn new(text: &'t str, at: usize) -> Self {
        Self { text, at }
    }
}

impl Iterator for Tokens<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        let start = skip_blank(self.text, self.at);
        let rest = self.text.get(start..)?;
        let first = rest.chars().next()?;
        let (class, bytes) = match first {
            '(' | '[' | '{' => (Class::Open, 1),
            ')' | ']' | '}' => (Class::Close, 1),
            ',' => (Class::Comma, 1),
            ':' => (Class::Colon, 1),
            '"' => (Class::Quoted, quoted_bytes(rest, '"')),
            '\'' => (Class::Quoted, quoted_bytes(rest, '\'')),
            _ => prefixed(rest),
        };
        // Always forward, so that the walk ends.
        let end = start.saturating_add(bytes.max(first.len_utf8()));
        self.at = end;
        Some(Token { class, start, end })
    }
}

/// A token that begins with something else than a mark: `r"…"`, `br#"…"#`, `b'x'`, or a word.
fn prefixed(rest: &str) -> (Class, usize) {
    let marks = rest.trim_start_matches(['b', 'r']);
    let prefix = rest.len().saturating_sub(marks.len());
    if (1..=2).contains(&prefix) {
        let quotes = marks.trim_start_matches('#');
        let hashes = marks.len().saturating_sub(quotes.len());
        let raw = rest.get(..prefix).is_some_and(|p| p.ends_with('r'));
        if raw && quotes.starts_with('"') {
            let close = format!("\"{}", "#".repeat(hashes));
            let body = quotes.get(1..).unwrap_or_default();
            let bytes = body
                .find(&close)
                .map_or(rest.len(), |at| prefix + hashes + 1 + at + close.len());
            return (Class::Quoted, bytes);
        }
        for quote in ['"', '\''] {
            if !raw && marks.starts_with(quote) {
                return (Class::Quoted, prefix + quoted_bytes(marks, quote));
            }
        }
    }
    let end = rest
        .char_indices()
        .find(|(_, c)| c.is_whitespace() || "()[]{},:\"'/".contains(*c));
    (Class::Word, end.map_or(rest.len(), |(at, _)| at))
}

/// Bytes of a quoted text with both quotes; all the rest if it does not end.
fn quoted_bytes(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, character) in rest.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return at + c.len_utf8(),
            _ => {}
        }
    }
    rest.len()
}

/// The last mark that is opened and never closed, and its offset.
pub(crate) fn unclosed(text: &str) -> Option<(&str, usize)> {
    let mut open = Vec::new();
    for token in Tokens::new(text, 0) {
        match token.class {
            Class::Open => open.push(token),
            Class::Close => drop(open.pop()),
            _ => {}
        }
    }
    open.pop().map(|token| (token.of(text), token.start))
}

/// The offset of the first byte from `at` on that is neither blank nor comment.
pub(crate) fn skip_blank(text: &str, mut at: usize) -> usize {
    while let Some(rest) = text.get(at..) {
        let trimmed = rest.trim_start();
        let blank = rest.len().saturating_sub(trimmed.len());
        let comment = if trimmed.starts_with("//") {
            trimmed.find('\n').map_or(trimmed.len(), |end| end + 1)
        } else if trimmed.starts_with("/*") {
            block_comment_bytes(trimmed)
        } else {
            0
        };
        at = at.saturating_add(blank).saturating_add(comment);
        if comment == 0 {
            break;
        }
    }
    at
}

/// Bytes of a block comment, which may hold others.
fn block_comment_bytes(text: &str) -> usize {
    let mut depth = 0usize;
    let mut skip = false;
    for (at, pair) in text.as_bytes().windows(2).enumerate() {
        if std::mem::take(&mut skip) {
            continue;
        }
        match pair {
            b"/*" => {
                depth += 1;
                skip = true;
            }
            b"*/" => {
                depth = depth.saturating_sub(1);
                skip = true;
                if depth == 0 {
                    return at + 2;
                }
            }
            _ => {}
        }
    }
    text.len()
}

/// Where the last token equal to `word`, or to `word` in quotes, begins before `cursor`; a word
/// that begins before `cursor` and ends behind it counts.
pub(crate) fn last_word_before(text: &str, cursor: usize, word: &str) -> Option<usize> {
    Tokens::new(text, 0)
        .take_while(|token| token.start <= cursor)
        .filter(|token| token.of(text).trim_matches('"').trim_start_matches("r#") == word)
        .last()
        .map(|token| token.start)
}

/// Where the last token that is no mark begins before `cursor`.
pub(crate) fn last_token_before(text: &str, cursor: usize) -> usize {
    Tokens::new(text, 0)
        .take_while(|token| token.start < cursor)
        .filter(|token| matches!(token.class, Class::Word | Class::Quoted | Class::Close))
        .last()
        .map_or(cursor, |token| token.start)
}

/// Where the innermost value that encloses `cursor` begins: at its name if it has one.
pub(crate) fn enclosing_value(text: &str, cursor: usize) -> usize {
    let mut open = Vec::new();
    let mut name = None;
    for token in Tokens::new(text, 0).take_while(|token| token.start < cursor) {
        match token.class {
            Class::Open => open.push(name.take().unwrap_or(token.start)),
            Class::Close => drop(open.pop()),
            _ => {}
        }
        name = (token.class == Class::Word).then_some(token.start);
    }
    open.pop().unwrap_or(cursor)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<&str> {
        Tokens::new(text, 0).map(|token| token.of(text)).collect()
    }

    #[test]
    fn marks_words_and_quotes_come_apart_and_comments_go() {
        assert_eq!(
            texts("A(b: 1..=9, // no )\n c: \"x\\\")\", /* ( /* { */ */ d: -0x1F)"),
            [
                "A",
                "(",
                "b",
                ":",
                "1..=9",
                ",",
                "c",
                ":",
                "\"x\\\")\"",
                ",",
                "d",
                ":",
                "-0x1F",
                ")"
            ]
        );
    }

    #[test]
    fn raw_and_byte_strings_hide_their_marks() {
        assert_eq!(
            texts("[r#\"a\")(\"#, b\"\\\"(\", br\"\\\", b'(', ')', radius]"),
            [
                "[",
                "r#\"a\")(\"#",
                ",",
                "b\"\\\"(\"",
                ",",
                "br\"\\\"",
                ",",
                "b'('",
                ",",
                "')'",
                ",",
                "radius",
                "]"
            ]
        );
    }

    #[test]
    fn text_that_is_no_ron_still_ends() {
        for text in [
            "\"",
            "/*",
            "r#\"",
            "//",
            "b'",
            "/",
            "😀/😀",
            "'",
            "r##",
            "br",
        ] {
            assert!(Tokens::new(text, 0).count() <= text.len(), "{text}");
        }
    }

    #[test]
    fn the_value_around_a_place_begins_at_its_name() {
        let text = "(a: B(c: 1), d: [2])";
        assert_eq!(enclosing_value(text, 9), 4);
        assert_eq!(enclosing_value(text, 10), 4);
        assert_eq!(enclosing_value(text, 11), 0);
        assert_eq!(enclosing_value(text, 18), 16);
    }
}
