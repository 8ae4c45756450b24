//! The mesh's own frames, from the templates of a description.

use weft_codec::{Asked, CannotSay, ProxyError, Say, Side};

use crate::program::{Program, Source, Template};
use crate::write::Writer;

/// What a template is filled with.
#[derive(Clone, Copy)]
pub(crate) struct Filling<'a> {
    pub(crate) program: &'a Program,
    pub(crate) template: &'a Template,
    /// The request, whose id and echoes are used; else `id`.
    pub(crate) asked: Option<&'a Asked>,
    pub(crate) id: u64,
    pub(crate) words: &'a str,
    /// The number of the proxy error, from 0.
    pub(crate) error: u64,
    /// Who says it.
    pub(crate) side: Side,
}

/// The bytes that fill a text.
pub(crate) enum Filled<'a> {
    Bytes(&'a [u8]),
    Digits(String),
    Words(&'a str),
    Nothing,
}

impl Program {
    /// Appends the bytes of `what`: see [`weft_codec::Codec::say`].
    pub(crate) fn say(&self, what: &Say<'_>, out: &mut Vec<u8>) -> Result<(), CannotSay> {
        let (template, asked, id) = match what {
            Say::Error { asked, .. } => (self.errors.told(asked), Some(*asked), 0),
            Say::Pong { asked } => (self.pong.as_ref(), Some(*asked), 0),
            Say::Ping { id } => (self.ping.as_ref(), None, *id),
            Say::Cancel { id } => (self.cancel.as_ref(), None, *id),
            Say::GoAway => (self.go_away.as_ref(), None, 0),
            Say::Farewell { opening } => (self.farewells.told(opening), Some(*opening), 0),
            Say::Local { asked } => (self.local.as_ref(), Some(*asked), 0),
        };
        let template = template.ok_or(CannotSay)?;
        let (words, error) = match what {
            Say::Error { error, words, .. } => (*words, number_of(*error)),
            _ => ("", 0),
        };
        let side = match (template.side, asked) {
            (Some(side), _) => side,
            (None, Some(asked)) => match self.asked_side(asked) {
                Side::Downstream => Side::Upstream,
                Side::Upstream => Side::Downstream,
            },
            (None, None) => Side::Downstream,
        };
        let filling = Filling {
            program: self,
            template,
            asked,
            id,
            words,
            error,
            side,
        };
        let begin = out.len();
        let said = Writer::new(filling, out).write();
        let said = said.filter(|()| self.mend_sums(side, begin, out).is_ok());
        if said.is_none() {
            out.truncate(begin);
        }
        said.ok_or(CannotSay)
    }
}

/// The number of a proxy error, from 0.
fn number_of(error: ProxyError) -> u64 {
    (0..)
        .zip(ProxyError::ALL)
        .find(|(_, one)| *one == error)
        .map_or(0, |(number, _)| number)
}

impl<'a> Filling<'a> {
    fn source(&self, field: usize) -> Option<&'a Source> {
        self.template.sources.get(field)?.as_ref()
    }

    /// Whether the template fills a field.
    pub(crate) fn fills(&self, field: usize) -> bool {
        match self.source(field) {
            None => false,
            Some(Source::Echo(index)) => self.echo(*index).is_some(),
            Some(_) => true,
        }
    }

    fn echo(&self, index: usize) -> Option<&'a [u8]> {
        self.program.asked_echo(self.asked?, index)
    }

    /// The number that fills a field; 0 if the template does not.
    pub(crate) fn number(&self, field: usize) -> Option<u64> {
        Some(match self.source(field) {
            None | Some(Source::Words | Source::Text(_)) => 0,
            Some(Source::Is(value)) => *value,
            Some(Source::Status(first, each)) => {
                first.checked_add(if *each { self.error } else { 0 })?
            }
            Some(Source::Echo(index)) => {
                let bytes = self.echo(*index)?;
                let join = |value: u64, byte: &u8| value.wrapping_shl(8) | u64::from(*byte);
                bytes.iter().rev().fold(0, join)
            }
        })
    }

    /// The bytes that fill a text.
    pub(crate) fn text(&self, field: usize) -> Filled<'a> {
        match self.source(field) {
            None => Filled::Nothing,
            Some(Source::Words) => Filled::Words(self.words),
            Some(Source::Text(bytes)) => Filled::Bytes(bytes),
            Some(Source::Echo(index)) => match self.echo(*index) {
                Some(bytes) => Filled::Bytes(bytes),
                None => Filled::Nothing,
            },
            Some(Source::Is(_) | Source::Status(..)) => {
                let number = self.number(field).unwrap_or(0);
                Filled::Digits(number.to_string())
            }
        }
    }
}
