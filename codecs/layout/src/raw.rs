//! A description as it is written: serde types and nothing else. What the words mean, and
//! whether they fit together, is the business of `check`.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{self, Deserializer, EnumAccess, MapAccess, VariantAccess, Visitor};

use crate::number::Number;
use crate::pattern::Pattern;

/// The whole description.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Protocol {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) endian: Endian,
    pub(crate) frame: Vec<Field>,
    #[serde(default)]
    pub(crate) service: Option<String>,
    #[serde(default)]
    pub(crate) method: Option<String>,
    #[serde(default)]
    pub(crate) keys: Vec<String>,
    #[serde(default)]
    pub(crate) names: Pairs<String, Pairs<Pattern, String>>,
    #[serde(default)]
    pub(crate) deadline: Option<Deadline>,
    #[serde(default)]
    pub(crate) status: Option<Status>,
    #[serde(default)]
    pub(crate) ids: Option<Ids>,
    #[serde(default)]
    pub(crate) correlation: Option<Correlation>,
    #[serde(default)]
    pub(crate) order: Option<Order>,
    #[serde(default)]
    pub(crate) state: Option<State>,
    #[serde(default)]
    pub(crate) one_way_answers: Option<OneWayAnswers>,
    #[serde(default)]
    pub(crate) replies: Replies,
}

/// The order of bytes in integers that do not say their own.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
pub(crate) enum Endian {
    #[default]
    Big,
    Little,
}

/// One field of the frame. What stands first in each is its name.
#[derive(Debug, Deserialize)]
pub(crate) enum Field {
    Magic(Bytes),
    Enum(String, IntType, Pairs<Pattern, KindWord>),
    Int(String, IntType),
    Id(String, IntType),
    Length(String, IntType, Counts),
    Str(String, Extent),
    Bytes(String, Extent),
    Map(String, IntType, Item, Item),
    Body(String),
}

impl Field {
    /// Its name; constants have none.
    pub(crate) fn name(&self) -> Option<&str> {
        match self {
            Self::Magic(_) => None,
            Self::Enum(name, ..)
            | Self::Int(name, _)
            | Self::Id(name, _)
            | Self::Length(name, ..)
            | Self::Str(name, _)
            | Self::Bytes(name, _)
            | Self::Map(name, ..)
            | Self::Body(name) => Some(name),
        }
    }
}

/// What a value of an `Enum` makes of its frame.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub(crate) enum KindWord {
    Request,
    OneWay,
    Answer,
    Push,
    Ping,
    Pong,
    GoAway,
    Cancel,
    Handshake,
    /// A request from a client, an answer from a server.
    Message,
}

/// What a length counts.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub(crate) enum Counts {
    /// The bytes of the body.
    Body,
    /// All bytes behind the length.
    Rest,
    /// The whole frame.
    Frame,
    /// One of these and so many more, or fewer.
    Plus(Part, i64),
}

/// What a [`Counts::Plus`] adds to.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub(crate) enum Part {
    Body,
    Rest,
    Frame,
}

/// A key or a value of a map.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) enum Item {
    Str(IntType),
    Bytes(IntType),
}

impl Item {
    /// The integer before its bytes.
    pub(crate) fn prefix(self) -> IntType {
        match self {
            Self::Str(prefix) | Self::Bytes(prefix) => prefix,
        }
    }
}

/// Where the deadline stands, and its unit.
#[derive(Debug, Deserialize)]
pub(crate) enum Deadline {
    Millis(String),
}

/// Where the status of an answer stands, and what its values mean.
#[derive(Debug, Deserialize)]
pub(crate) enum Status {
    Of(String, Vec<(Pattern, VerdictWord)>),
}

/// What a status means.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub(crate) enum VerdictWord {
    Ok,
    ApplicationError,
    Overload,
    NotExecuted,
    Unavailable,
}

/// The ids that the mesh may put on a lane.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ids {
    pub(crate) first: u64,
    pub(crate) last: u64,
}

/// How an answer finds its request.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub(crate) enum Correlation {
    ById,
    InOrder,
    Exclusive,
    Bound,
}

/// The order that clients expect.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub(crate) enum Order {
    AsReady,
    InOrder,
}

/// What a connection remembers.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub(crate) enum State {
    Stateless,
}

/// Whether servers answer one-way requests.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub(crate) enum OneWayAnswers {
    Never,
    Maybe,
    Always,
}

/// What the mesh says itself.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Replies {
    #[serde(default)]
    pub(crate) error: Option<Reply>,
    #[serde(default)]
    pub(crate) ping: Option<Reply>,
    #[serde(default)]
    pub(crate) pong: Option<Reply>,
}

/// One frame of the mesh's own.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reply {
    #[serde(default)]
    pub(crate) kind: Option<KindWord>,
    #[serde(default)]
    pub(crate) status: Option<ReplyStatus>,
    #[serde(default)]
    pub(crate) set: Pairs<String, u64>,
    #[serde(default)]
    pub(crate) echo: Vec<String>,
    #[serde(default)]
    pub(crate) words: Option<String>,
}

/// The status of an error reply.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub(crate) enum ReplyStatus {
    /// Always this one.
    Is(u64),
    /// This one for the first proxy error, the next for the second, and so on.
    From(u64),
}

/// The type of an integer: `U8` to `U64`, in the description's order of bytes unless `Be` or
/// `Le` says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IntType {
    /// Bytes, 1 to 8.
    width: u8,
    /// Its own order of bytes.
    endian: Option<Endian>,
}

impl IntType {
    /// The integer in a description whose order of bytes is `endian`.
    pub(crate) fn number(self, endian: Endian) -> Number {
        Number {
            width: self.width,
            little: self.endian.unwrap_or(endian) == Endian::Little,
        }
    }

    /// Reads `U32`, `U16Le`, …
    fn parse(word: &str) -> Option<Self> {
        let bits = word.strip_prefix('U')?;
        let (bits, endian) = if let Some(bits) = bits.strip_suffix("Le") {
            (bits, Some(Endian::Little))
        } else if let Some(bits) = bits.strip_suffix("Be") {
            (bits, Some(Endian::Big))
        } else {
            (bits, None)
        };
        let width = ["8", "16", "24", "32", "40", "48", "56", "64"]
            .iter()
            .position(|known| *known == bits)?;
        Some(Self {
            width: u8::try_from(width).ok()?.checked_add(1)?,
            endian,
        })
    }
}

/// The words of [`IntType`], without the suffixes.
const INT_WORDS: &[&str] = &["U8", "U16", "U24", "U32", "U40", "U48", "U56", "U64"];

/// The words of [`Extent`].
const EXTENT_WORDS: &[&str] = &[
    "U8", "U16", "U24", "U32", "U40", "U48", "U56", "U64", "Fixed",
];

/// How far a text reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// An integer before it counts its bytes.
    Prefix(IntType),
    /// It always has so many bytes.
    Fixed(u32),
}

/// A word as it is written, with no list of valid ones.
struct Word(String);

impl<'de> Deserialize<'de> for Word {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl Visitor<'_> for Read {
            type Value = Word;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a word")
            }
            fn visit_str<E: de::Error>(self, word: &str) -> Result<Word, E> {
                Ok(Word(word.to_owned()))
            }
        }
        deserializer.deserialize_identifier(Read)
    }
}

impl<'de> Deserialize<'de> for IntType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = IntType;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the type of an integer, U8 to U64")
            }
            fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> Result<IntType, A::Error> {
                let (Word(word), variant) = data.variant()?;
                let read = IntType::parse(&word)
                    .ok_or_else(|| de::Error::unknown_variant(&word, INT_WORDS))?;
                variant.unit_variant()?;
                Ok(read)
            }
        }
        deserializer.deserialize_enum("IntType", INT_WORDS, Read)
    }
}

impl<'de> Deserialize<'de> for Extent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Extent;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the type of the length before it, or Fixed(bytes)")
            }
            fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> Result<Extent, A::Error> {
                let (Word(word), variant) = data.variant()?;
                if word == "Fixed" {
                    return variant.newtype_variant().map(Extent::Fixed);
                }
                let prefix = IntType::parse(&word)
                    .ok_or_else(|| de::Error::unknown_variant(&word, EXTENT_WORDS))?;
                variant.unit_variant()?;
                Ok(Extent::Prefix(prefix))
            }
        }
        deserializer.deserialize_enum("Extent", EXTENT_WORDS, Read)
    }
}

/// Constant bytes: `"AC\x01"` where all are ASCII, else `b"\xDA\xBB"`.
#[derive(Debug)]
pub(crate) struct Bytes(pub(crate) Vec<u8>);

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl Visitor<'_> for Read {
            type Value = Bytes;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("ASCII text in quotes or bytes as b\"\\xDA\\xBB\"")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Bytes, E> {
                if text.is_ascii() {
                    Ok(Bytes(text.as_bytes().to_vec()))
                } else {
                    Err(E::custom(
                        "bytes over 0x7F are ambiguous in a text: write them as b\"\\xDA\\xBB\"",
                    ))
                }
            }
            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Bytes, E> {
                Ok(Bytes(bytes.to_vec()))
            }
        }
        deserializer.deserialize_any(Read)
    }
}

/// A map in the order of its text, with what stands in it twice.
#[derive(Debug)]
pub(crate) struct Pairs<K, V>(pub(crate) Vec<(K, V)>);

impl<K, V> Default for Pairs<K, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, K: Deserialize<'de>, V: Deserialize<'de>> Deserialize<'de> for Pairs<K, V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read<K, V>(PhantomData<(K, V)>);
        impl<'de, K: Deserialize<'de>, V: Deserialize<'de>> Visitor<'de> for Read<K, V> {
            type Value = Pairs<K, V>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map in braces")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(Read(PhantomData))
    }
}
