//! What is read of a packet: requests whole, answers as far as their id and result.
//!
//! A request, and an answer of TUP, is a `RequestPacket`; any other answer is a `ResponsePacket`.
//! The two are told apart by their fifth field, a servant's name or a result, since servers
//! disagree on what answers TUP version 2.

use weft_codec::{Malformed, Span};

use crate::jce::{FieldHead, Integer, Reader, Stop, kind};

/// Versions of packets that are read: TARS itself, complex and simple TUP, JSON bodies.
const VERSIONS: [i64; 4] = [1, 2, 3, 5];

/// `cPacketType` of a request that wants no answer.
pub(crate) const ONE_WAY: i64 = 1;

/// Tags of `RequestPacket`; the first three are those of `ResponsePacket` too.
pub(crate) mod request {
    pub(crate) const VERSION: u8 = 1;
    pub(crate) const PACKET_TYPE: u8 = 2;
    pub(crate) const MESSAGE_TYPE: u8 = 3;
    pub(crate) const ID: u8 = 4;
    pub(crate) const SERVANT: u8 = 5;
    pub(crate) const FUNCTION: u8 = 6;
    pub(crate) const BUFFER: u8 = 7;
    pub(crate) const TIMEOUT: u8 = 8;
    pub(crate) const CONTEXT: u8 = 9;
    pub(crate) const STATUS: u8 = 10;
}

/// Tags of `ResponsePacket` from the id on.
pub(crate) mod response {
    pub(crate) const ID: u8 = 3;
    pub(crate) const MESSAGE_TYPE: u8 = 4;
    pub(crate) const RESULT: u8 = 5;
    pub(crate) const BUFFER: u8 = 6;
    pub(crate) const STATUS: u8 = 7;
    pub(crate) const DESCRIPTION: u8 = 8;
    pub(crate) const CONTEXT: u8 = 9;
}

/// The fields of a packet in their order, which must be that of their tags.
struct Fields<'a> {
    reader: Reader<'a>,
    last: u8,
}

impl Fields<'_> {
    fn next(&mut self) -> Result<Option<FieldHead>, Stop> {
        if self.reader.is_at_end() {
            return Ok(None);
        }
        let head = self.reader.head()?;
        if head.tag <= self.last {
            return Err(Stop::malformed(
                head.at,
                "the tags of a packet do not ascend from its version's, 1",
            ));
        }
        self.last = head.tag;
        Ok(Some(head))
    }

    /// The next field, which must have this tag.
    #[inline]
    fn must(&mut self, tag: u8, missing: &'static str) -> Result<FieldHead, Stop> {
        let at = self.reader.at();
        match self.next()? {
            Some(head) if head.tag == tag => Ok(head),
            _ => Err(Stop::malformed(at, missing)),
        }
    }

    fn integer(&mut self, tag: u8, missing: &'static str) -> Result<Integer, Stop> {
        let head = self.must(tag, missing)?;
        self.reader.integer(head)
    }

    /// An id: at most 32 bits wide.
    fn id(&mut self, tag: u8) -> Result<Integer, Stop> {
        let id = self.integer(tag, "the request id is missing")?;
        if id.kind == kind::INT64 {
            return Err(Stop::malformed(
                id.span.start as usize,
                "the request id has more than 32 bits",
            ));
        }
        Ok(id)
    }

    fn text(&mut self, tag: u8, missing: &'static str) -> Result<Span, Stop> {
        let head = self.must(tag, missing)?;
        self.reader.text(head)
    }

    /// The first two fields: the version and the packet's type.
    fn begin(&mut self) -> Result<(u8, i64), Stop> {
        let version = version(&mut self.reader)?;
        self.last = request::VERSION;
        let kind = self.integer(request::PACKET_TYPE, "the packet's type is missing")?;
        Ok((version, kind.value))
    }
}

/// The version that every packet begins with.
pub(crate) fn version(reader: &mut Reader<'_>) -> Result<u8, Stop> {
    let head = reader.head()?;
    if head.tag != request::VERSION {
        return Err(Stop::malformed(
            head.at,
            "expected a packet's version, an integer under tag 1",
        ));
    }
    let version = reader.integer(head)?.value;
    match u8::try_from(version) {
        Ok(known) if VERSIONS.contains(&version) => Ok(known),
        _ => Err(Stop::Malformed(Malformed::new(
            head.at,
            format!("version {version} is unknown; expected 1, 2, 3 or 5"),
        ))),
    }
}

/// What a request says of itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request {
    pub(crate) version: u8,
    pub(crate) one_way: bool,
    pub(crate) id: Integer,
    pub(crate) servant: Span,
    pub(crate) function: Span,
    /// Offset of the first field after the function's name.
    pub(crate) rest_at: usize,
}

/// Reads a request that is there whole, to its last byte.
pub(crate) fn read_request(reader: Reader<'_>) -> Result<Request, Stop> {
    let mut fields = Fields { reader, last: 0 };
    let (version, packet_type) = fields.begin()?;
    fields.integer(request::MESSAGE_TYPE, "the message's type is missing")?;
    let id = fields.id(request::ID)?;
    let servant = fields.text(request::SERVANT, "the servant's name is missing")?;
    let function = fields.text(request::FUNCTION, "the function's name is missing")?;
    let rest_at = fields.reader.at();
    fields.reader.leave_head();
    while let Some(head) = fields.next()? {
        fields.reader.skip(head)?;
    }
    Ok(Request {
        version,
        one_way: packet_type == ONE_WAY,
        id,
        servant,
        function,
        rest_at,
    })
}

/// What an answer says of itself before its body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    pub(crate) version: u8,
    pub(crate) id: Integer,
    pub(crate) says: Says,
    /// Offset of the first field that was not read.
    pub(crate) rest_at: usize,
}

/// In which of its two forms an answer comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Says {
    /// A `ResponsePacket` with its result.
    Result(i32),
    /// A `RequestPacket`, as TUP has it: servant and function again; the result stands in the
    /// map of status at the end.
    Tup { servant: Span, function: Span },
}

/// Reads an answer of which at least the first bytes are there, as far as its body.
pub(crate) fn read_answer(reader: Reader<'_>) -> Result<Answer, Stop> {
    let mut fields = Fields { reader, last: 0 };
    let (version, _) = fields.begin()?;
    // The id of one form, the message's type of the other.
    let third = fields.id(response::ID)?;
    let fourth = fields.id(request::ID)?;
    let head = fields.must(response::RESULT, "the fifth field of an answer is missing")?;
    let (id, says) = if matches!(head.kind, kind::STRING1 | kind::STRING4) {
        let servant = fields.reader.text(head)?;
        let function = fields.text(request::FUNCTION, "the function's name is missing")?;
        (fourth, Says::Tup { servant, function })
    } else {
        let result = fields.reader.integer(head)?.value;
        let result = i32::try_from(result)
            .map_err(|_| Stop::malformed(head.at, "the result has more than 32 bits"))?;
        (third, Says::Result(result))
    };
    Ok(Answer {
        version,
        id,
        says,
        rest_at: fields.reader.at(),
    })
}

/// The head of the field with this tag, looked for from offset `at` on, and a reader behind it.
pub(crate) fn field_after(frame: &[u8], at: usize, tag: u8) -> Option<(FieldHead, Reader<'_>)> {
    let mut reader = Reader::new(frame, at, frame.len());
    while !reader.is_at_end() {
        let head = reader.head().ok()?;
        if head.tag == tag {
            return Some((head, reader));
        }
        if head.tag > tag {
            return None;
        }
        reader.skip(head).ok()?;
    }
    None
}
