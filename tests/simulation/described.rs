//! A described protocol: the traits of the simulator's own one, said in a description that
//! `weft-layout` compiles, with an id of every kind the language knows. The same bytes are
//! written and read a second time here, by hand, for clients and backends.
//!
//! | bytes | what |
//! | --- | --- |
//! | 2 | `D!` |
//! | LEB128 | bytes that follow |
//! | 1 | kind |
//! | 1 | flags: 1 more follows, 2 sealed (nothing behind the words can be read), 4 to 64 effect |
//! | 4 | deadline in milliseconds |
//! | 1 | status; 100 and more are the mesh's |
//! | 1 | user: whose login the request relies on |
//! | 8 | nonce |
//! | 1 + n, 1 + n | service, method |
//! | | the id, but for [`IdShape::Trailer`] |
//! | | client, sequence, nonce, name, filler; nothing in frames that are neither request nor answer |
//! | 8 | the id and a CRC-32, of [`IdShape::Trailer`] alone |

mod ids;
pub(crate) use ids::IdShape;

use weft_codec::{Correlation, Effect, Kind, OneWayAnswers, Order, ProxyError};
use weft_layout::Layout;

use crate::codec::{Choice, ERROR_STATUS, KINDS};
use crate::dialects::{read_blob, write_blob};
use crate::message::{Dialect, Message, Read, Status};

/// Effects by their number in the flags.
const EFFECTS: [Effect; 8] = [
    Effect::Stateless,
    Effect::Facet,
    Effect::Pin,
    Effect::Unpin,
    Effect::Tunnel,
    Effect::Session,
    Effect::Blocking,
    Effect::Quit,
];

/// The protocol of these traits, with ids of this shape, as a user would describe it.
pub(crate) fn description(choice: Choice, shape: IdShape) -> String {
    let correlation = match choice.correlation {
        Correlation::ById => "",
        Correlation::InOrder => "correlation: InOrder,",
        Correlation::Exclusive => "correlation: Exclusive,",
        Correlation::Bound | Correlation::Raw => "correlation: Bound,",
    };
    let order = match choice.order {
        Order::AsReady => "order: AsReady,",
        Order::InOrder => "order: InOrder,",
    };
    let one_way = match choice.one_way {
        OneWayAnswers::Never => "Never",
        OneWayAnswers::Maybe => "Maybe",
        OneWayAnswers::Always => "Always",
    };
    let state = if choice.effects {
        r#"connection: [
            When({ "effect": 1 }, Login), When({ "effect": 2 }, Pin), When({ "effect": 3 }, Unpin),
            When({ "effect": 4 }, Tunnel), When({ "effect": 5 }, Session), When({ "effect": 6 }, Blocking),
            When({ "effect": 7 }, Quit),
        ],"#
    } else {
        "state: Stateless,"
    };
    let first = if choice.greets {
        "speaks_first: Server,"
    } else {
        ""
    };
    let ping = if choice.id_bytes > 0 { "ping: ()," } else { "" };
    let polite = if choice.polite {
        "go_away: (), cancel: (),"
    } else {
        ""
    };
    let (before, behind) = shape.described();
    format!(
        r#"Protocol(
    name: "described",
    frame: [
        Magic("D!"),
        Length("size", Varint, Rest),
        Enum("kind", U8, {{
            0: Request, 1: Answer, 2: OneWay, 3: Ping, 4: Pong, 5: Push, 6: GoAway, 7: Cancel, 8: Handshake,
        }}),
        Bits("flags", U8, {{ "more": 0, "sealed": 1, "effect": (2, 4) }}),
        Int("wait_ms", U32),
        Int("status", U8),
        Int("user", U8),
        Bytes("nonce", Fixed(8)),
        Str("service", U8),
        Str("method", U8),
        {before}
        Body("blob"),
        {behind}
    ],
    service: "service",
    method: "method",
    keys: ["user"],
    deadline: Millis("wait_ms"),
    more: {{ "more": 1 }},
    status: Of("status", [(0, Ok), (2, Overload), (3, NotExecuted), (_, ApplicationError)]),
    {correlation} {order} {state} {first}
    one_way_answers: {one_way},
    replies: (
        error: (status: From({ERROR_STATUS}), echo: ["nonce", "sealed"], words: "blob"),
        pong: (echo: ["nonce", "sealed"]), {ping} {polite}
    ),
)"#
    )
}

/// The description, compiled.
pub(crate) fn layout(choice: Choice, shape: IdShape) -> Layout {
    compiled(&description(choice, shape))
}

/// Another version of the same protocol: the bytes are the same, but it notes other things of a
/// request to answer it, and gives rules another key.
pub(crate) fn another_version(choice: Choice, shape: IdShape, version: u64) -> String {
    let text = description(choice, shape);
    let (keys, echo) = match version % 3 {
        0 => (r#"["user", "wait_ms"]"#, r#"["nonce", "sealed"]"#),
        1 => (r#"["wait_ms", "status"]"#, r#"["user", "nonce", "sealed"]"#),
        _ => (r#"["user"]"#, r#"["sealed", "service", "nonce", "method"]"#),
    };
    text.replacen(r#"["user"]"#, keys, 1)
        .replace(r#"["nonce", "sealed"]"#, echo)
}

/// A description, compiled.
#[expect(
    clippy::panic,
    reason = "a description of the tests that does not compile is a failed test"
)]
pub(crate) fn compiled(text: &str) -> Layout {
    Layout::compile("described.ron", text).unwrap_or_else(|complaints| {
        let said: Vec<_> = complaints.iter().map(ToString::to_string).collect();
        panic!("{}\n{text}", said.join("\n"))
    })
}

/// The protocol as clients and backends read and write it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DescribedDialect(pub(crate) IdShape);

/// What is left of the bytes of a frame.
pub(crate) struct Cursor<'a>(pub(crate) &'a [u8]);

impl<'a> Cursor<'a> {
    pub(crate) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    /// A big-endian integer of so many bytes.
    pub(crate) fn number(&mut self, count: usize) -> Option<u64> {
        let bytes = self.take(count)?;
        Some(bytes.iter().fold(0, |n, byte| n << 8 | u64::from(*byte)))
    }

    pub(crate) fn varint(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..70).step_by(7) {
            let byte = u64::from(self.take(1)?[0]);
            number |= (byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    pub(crate) fn text(&mut self) -> Option<&'a [u8]> {
        let count = self.number(1)? as usize;
        self.take(count)
    }
}

/// Appends a LEB128.
pub(crate) fn write_varint(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn write_text(text: &[u8], out: &mut Vec<u8>) {
    out.push(text.len() as u8);
    out.extend_from_slice(text);
}

fn carries_blob(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Request | Kind::OneWay | Kind::Answer | Kind::Push
    )
}

impl Dialect for DescribedDialect {
    fn write(&self, message: &Message, out: &mut Vec<u8>) {
        let position = |found: Option<usize>| found.unwrap_or(0) as u8;
        let effect = position(EFFECTS.iter().position(|e| *e == message.effect));
        let flags = u8::from(message.more) | u8::from(message.exclusive) << 1 | effect << 2;
        let status = match message.status {
            Status::Ok => 0,
            Status::Application => 1,
            Status::Overload => 2,
            Status::NotExecuted => 3,
            Status::Proxy(error) => {
                ERROR_STATUS + position(ProxyError::ALL.iter().position(|e| *e == error))
            }
        };
        let kind = position(KINDS.iter().position(|k| *k == message.kind));
        let mut rest = vec![kind, flags];
        rest.extend_from_slice(&message.deadline_ms.to_be_bytes());
        rest.extend_from_slice(&[status, message.user]);
        rest.extend_from_slice(&message.nonce.to_be_bytes());
        write_text(format!("s{}", message.name).as_bytes(), &mut rest);
        write_text(if message.idempotent { b"get" } else { b"put" }, &mut rest);
        self.0.write(message, &mut rest);
        if carries_blob(message.kind) {
            write_blob(message, &mut rest);
        }
        let start = out.len();
        out.extend_from_slice(b"D!");
        write_varint((rest.len() + self.0.trailer_bytes()) as u64, out);
        out.extend_from_slice(&rest);
        self.0.write_trailer(message, start, out);
    }

    fn read(&self, bytes: &[u8], from_client: bool) -> Read {
        let mut cursor = Cursor(bytes);
        match cursor.take(2) {
            Some(b"D!") => {}
            Some(magic) => return Read::Broken(format!("begins with {magic:x?}")),
            None => return Read::More,
        }
        let Some(size) = cursor.varint() else {
            return Read::More;
        };
        if size > 64 << 20 {
            return Read::Broken(format!("a frame of {size} bytes"));
        }
        let begin = bytes.len() - cursor.0.len();
        let Some(frame) = bytes.get(..begin + size as usize) else {
            return Read::More;
        };
        let mut message = Message::empty(Kind::Request);
        match self.read_rest(frame, begin, from_client, &mut message) {
            Some(()) => Read::Message(message, frame.len()),
            None => Read::Broken(format!("{:?}", frame.escape_ascii().to_string())),
        }
    }
}

impl DescribedDialect {
    fn read_rest(
        self,
        frame: &[u8],
        begin: usize,
        from_client: bool,
        message: &mut Message,
    ) -> Option<()> {
        let rest = self.0.read_trailer(frame, from_client, message)?;
        let mut cursor = Cursor(rest.get(begin..)?);
        message.kind = *KINDS.get(cursor.number(1)? as usize)?;
        let flags = cursor.number(1)?;
        message.more = flags & 1 != 0;
        message.exclusive = flags & 2 != 0;
        message.effect = EFFECTS[(flags >> 2 & 7) as usize];
        message.deadline_ms = cursor.number(4)? as u32;
        let status = cursor.number(1)?;
        message.user = cursor.number(1)? as u8;
        message.nonce = cursor.number(8)?;
        let service = cursor.text()?;
        message.idempotent = cursor.text()? == b"get";
        self.0.read(&mut cursor, from_client, message)?;
        if let Some(error) = status.checked_sub(u64::from(ERROR_STATUS)) {
            // The mesh's: its words fill the body, and the nonce is that of the request.
            message.status = Status::Proxy(*ProxyError::ALL.get(error as usize)?);
            return cursor.0.starts_with(b"weft: ").then_some(());
        }
        if !carries_blob(message.kind) {
            return cursor.0.is_empty().then_some(());
        }
        let nonce = message.nonce;
        read_blob(cursor.0, message)?;
        message.status = match status {
            0 => Status::Ok,
            2 => Status::Overload,
            3 => Status::NotExecuted,
            _ => Status::Application,
        };
        let named = format!("s{}", message.name);
        (message.nonce == nonce && service == named.as_bytes()).then_some(())
    }
}
