//! The mesh's own frames, from the templates of a description.

use weft_codec::{Asked, CannotSay, ProxyError, Say};

use crate::number::Number;
use crate::program::{Base, Echoed, Extent, Piece, Program, Template, past_run};

/// What a template is filled with.
struct Filling<'a> {
    /// The id as bytes of the wire; else `id_value`.
    asked: Option<&'a Asked>,
    id_value: u64,
    words: &'a str,
    /// The number of the proxy error, from 0.
    error: u64,
}

/// Where what the length counts begins and ends, as offsets in the output.
#[derive(Default)]
struct Marks {
    length: Option<usize>,
    body: Option<usize>,
}

impl Program {
    /// Appends the bytes of `what`: see [`weft_codec::Codec::say`].
    pub(crate) fn say(&self, what: &Say<'_>, out: &mut Vec<u8>) -> Result<(), CannotSay> {
        let mut filling = Filling {
            asked: None,
            id_value: 0,
            words: "",
            error: 0,
        };
        let template = match what {
            Say::Error {
                error,
                words,
                asked,
            } => {
                filling.asked = Some(asked);
                filling.words = words;
                filling.error = (0..)
                    .zip(ProxyError::ALL)
                    .find(|(_, one)| one == error)
                    .map_or(0, |(number, _)| number);
                &self.error
            }
            Say::Pong { asked } => {
                filling.asked = Some(asked);
                &self.pong
            }
            Say::Ping { id } => {
                filling.id_value = *id;
                &self.ping
            }
            Say::Local { .. } | Say::GoAway | Say::Cancel { .. } => &None,
        };
        let begin = out.len();
        let filled = template
            .as_ref()
            .and_then(|template| self.fill(template, &filling, out));
        if filled.is_none() {
            out.truncate(begin);
        }
        filled.ok_or(CannotSay)
    }

    /// Appends the frame, or `None` if something does not fit; then part of it may be there.
    fn fill(&self, template: &Template, filling: &Filling<'_>, out: &mut Vec<u8>) -> Option<()> {
        let begin = out.len();
        let mut marks = Marks::default();
        for piece in &template.parts {
            match piece {
                Piece::Bytes(bytes) => out.extend_from_slice(bytes),
                Piece::Id(number) => match filling.asked {
                    Some(asked) => out.extend_from_slice(asked.bytes.get(..number.bytes())?),
                    None => number.push(filling.id_value, out).then_some(())?,
                },
                Piece::Status {
                    number,
                    first,
                    each,
                } => {
                    let more = if *each { filling.error } else { 0 };
                    let status = first.checked_add(more)?;
                    number.push(status, out).then_some(())?;
                }
                Piece::Echo(index) => {
                    out.extend_from_slice(self.remembered(filling.asked?, *index)?);
                }
                Piece::Length => {
                    marks.length = Some(out.len());
                    if let Extent::Length { number, .. } = self.extent {
                        number.push(0, out).then_some(())?;
                    }
                }
                Piece::Words(number) => {
                    let words = cut_to(filling.words, *number);
                    number.push(words.len() as u64, out).then_some(())?;
                    out.extend_from_slice(words.as_bytes());
                }
                Piece::Body { words } => {
                    marks.body = Some(out.len());
                    if *words {
                        out.extend_from_slice(filling.words.as_bytes());
                    }
                }
            }
        }
        self.fill_length(begin, &marks, out)
    }

    /// Writes the length of the frame that begins at `begin` and ends with the output.
    fn fill_length(&self, begin: usize, marks: &Marks, out: &mut [u8]) -> Option<()> {
        let Extent::Length {
            number,
            base,
            more,
            fewer,
            ..
        } = self.extent
        else {
            return Some(());
        };
        let at = marks.length?;
        let from = match base {
            Base::Frame => begin,
            Base::Rest => at.checked_add(number.bytes())?,
            Base::Body(_) => marks.body?,
        };
        let counted = out.len().checked_sub(from)? as u64;
        let value = counted.checked_add(fewer)?.checked_sub(more)?;
        number.write(value, out, at).then_some(())
    }

    /// What was remembered as the n-th echo, as it stood on the wire.
    fn remembered<'a>(&self, asked: &'a Asked, index: usize) -> Option<&'a [u8]> {
        let bytes = asked.bytes.as_slice();
        let mut at = self.id.map_or(0, |(_, number)| number.bytes());
        for (number, echo) in self.echoes.iter().enumerate() {
            let behind = match echo.what {
                Echoed::Fixed(bytes) => at.checked_add(bytes as usize)?,
                Echoed::Run(prefix) => past_run(prefix, bytes, at, bytes.len()).ok()?,
            };
            if number == index {
                return bytes.get(at..behind);
            }
            at = behind;
        }
        None
    }
}

/// As many words as the integer before them can count.
fn cut_to(words: &str, number: Number) -> &str {
    let mut bytes = usize::try_from(number.max()).map_or(words.len(), |max| max.min(words.len()));
    while !words.is_char_boundary(bytes) {
        bytes = bytes.saturating_sub(1);
    }
    words.get(..bytes).unwrap_or_default()
}
