//! The types of fields: integers, ids, extents, constants, conditions.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor};

use super::{Amount, Endian};
use crate::id::IdForm;
use crate::number::{Form, Number};
use crate::pattern::Pattern;

/// The most decimal digits of an integer: every such number fits 64 bits, with or without a sign.
const DIGITS_MAX: u8 = 18;

/// The type of an integer: `U8` to `U64` and `I8` to `I64`, in the description's order of bytes
/// unless `Be` or `Le` says it, or of variable width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IntType {
    /// Bytes, 1 to 8, of digits 1 to 18; 0 where they vary.
    width: u8,
    form: Form,
    /// Its own order of bytes.
    endian: Option<Endian>,
}

impl IntType {
    /// The integer in a description whose order of bytes is `endian`.
    pub(crate) fn number(self, endian: Endian) -> Number {
        Number {
            width: self.width,
            little: self.width > 0 && self.endian.unwrap_or(endian) == Endian::Little,
            form: self.form,
        }
    }

    /// Reads the type that begins with this word; `words` are those that may stand here.
    fn read<'de, V: VariantAccess<'de>>(
        word: &str,
        variant: V,
        words: &'static [&'static str],
    ) -> Result<Self, V::Error> {
        if word == "Decimal" {
            let digits = variant.newtype_variant::<u8>()?;
            if !(1..=DIGITS_MAX).contains(&digits) {
                return Err(de::Error::custom(format_args!(
                    "an integer of {digits} decimal digits: write Decimal(1) to Decimal({DIGITS_MAX})"
                )));
            }
            return Ok(Self {
                width: digits,
                form: Form::Decimal,
                endian: None,
            });
        }
        let read = Self::parse(word).ok_or_else(|| de::Error::unknown_variant(word, words))?;
        variant.unit_variant()?;
        Ok(read)
    }

    /// Reads `U32`, `I16Le`, `Varint`, …
    fn parse(word: &str) -> Option<Self> {
        let vary = |form| {
            Some(Self {
                width: 0,
                form,
                endian: None,
            })
        };
        match word {
            "Varint" => return vary(Form::Varint),
            "ZigZag" => return vary(Form::ZigZag),
            "VarintBe" => return vary(Form::VarintBe),
            _ => {}
        }
        let (bits, form) = match word.strip_prefix('U') {
            Some(bits) => (bits, Form::Unsigned),
            None => (word.strip_prefix('I')?, Form::Signed),
        };
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
            form,
            endian,
        })
    }
}

/// The words of [`IntType`], without the suffixes.
macro_rules! int_words {
    ($($more:literal),*) => {
        &[
            "U8", "U16", "U24", "U32", "U40", "U48", "U56", "U64", "I8", "I16", "I24", "I32",
            "I40", "I48", "I56", "I64", "Varint", "ZigZag", "VarintBe", "Decimal", $($more),*
        ]
    };
}

/// The words of [`IntType`].
pub(crate) const INT_WORDS: &[&str] = int_words!();

/// The words of [`Extent`].
pub(crate) const EXTENT_WORDS: &[&str] = int_words!(
    "Plus", "Fixed", "Padded", "Zero", "Until", "Word", "By", "Rest"
);

/// The words of [`Tag`].
pub(crate) const TAG_WORDS: &[&str] = int_words!("LowBit");

/// The words of [`IdType`].
pub(crate) const ID_WORDS: &[&str] = int_words!("Hex", "Uuid", "Text", "Bytes", "Str");

/// The words of [`Amount`].
pub(crate) const AMOUNT_WORDS: &[&str] = int_words!("Count", "Within");

/// How far a text reaches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// An integer before it counts its bytes.
    Prefix(IntType),
    /// An integer before it counts its bytes and a constant.
    Plus(IntType, i64),
    /// It always has so many bytes.
    Fixed(u32),
    /// It always has so many bytes, filled up with NULs or blanks; the mesh fills up with this.
    Padded(u32, u8),
    /// It ends with a NUL.
    Zero,
    /// It ends with these bytes.
    Until(Vec<u8>),
    /// It ends with a blank, or before these bytes.
    Word(Vec<u8>),
    /// An earlier field counts its bytes, and perhaps a constant.
    By(String, i64),
    /// Whatever is left.
    Rest,
}

/// The type of an entry of a TLV.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tag {
    pub(crate) int: IntType,
    /// Whether its lowest bit tells how the value is written.
    pub(crate) low_bit: bool,
}

/// The type of an id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum IdType {
    Int(IntType),
    Form(IdForm),
    /// A text of varying length, and what the mesh's own ids look like in it.
    Str(Extent, IdForm),
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
                IntType::read(&word, variant, INT_WORDS)
            }
        }
        deserializer.deserialize_enum("IntType", INT_WORDS, Read)
    }
}

impl<'de> Deserialize<'de> for Tag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Tag;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the integer of the type, or LowBit of it")
            }
            fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> Result<Tag, A::Error> {
                let (Word(word), variant) = data.variant()?;
                let low_bit = word == "LowBit";
                let int = if low_bit {
                    variant.newtype_variant()?
                } else {
                    IntType::read(&word, variant, TAG_WORDS)?
                };
                Ok(Tag { int, low_bit })
            }
        }
        deserializer.deserialize_enum("Tag", TAG_WORDS, Read)
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
                match word.as_str() {
                    "Fixed" => variant.newtype_variant().map(Extent::Fixed),
                    "Padded" => variant
                        .tuple_variant(2, Two::<u32, Fill>::new("how many bytes"))
                        .map(|(bytes, fill)| Extent::Padded(bytes, fill.map_or(0, |fill| fill.0))),
                    "Until" => variant
                        .newtype_variant()
                        .map(|Bytes(bytes)| Extent::Until(bytes)),
                    "Word" => variant
                        .newtype_variant()
                        .map(|Bytes(bytes)| Extent::Word(bytes)),
                    "Zero" => variant.unit_variant().map(|()| Extent::Zero),
                    "Rest" => variant.unit_variant().map(|()| Extent::Rest),
                    "By" => variant
                        .tuple_variant(2, Two::<String, i64>::new("the name of a field"))
                        .map(|(field, plus)| Extent::By(field, plus.unwrap_or(0))),
                    "Plus" => variant
                        .tuple_variant(2, Two::<IntType, i64>::new("an integer and a constant"))
                        .map(|(int, plus)| Extent::Plus(int, plus.unwrap_or(0))),
                    word => IntType::read(word, variant, EXTENT_WORDS).map(Extent::Prefix),
                }
            }
        }
        deserializer.deserialize_enum("Extent", EXTENT_WORDS, Read)
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Amount;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the type of the count before it, Count(field) or Within(extent)")
            }
            fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> Result<Amount, A::Error> {
                let (Word(word), variant) = data.variant()?;
                match word.as_str() {
                    "Count" => variant.newtype_variant().map(Amount::Count),
                    "Within" => variant.newtype_variant().map(Amount::Within),
                    word => IntType::read(word, variant, AMOUNT_WORDS).map(Amount::Prefix),
                }
            }
        }
        deserializer.deserialize_enum("Amount", AMOUNT_WORDS, Read)
    }
}

impl<'de> Deserialize<'de> for IdType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = IdType;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the type of an id: U8 to U64, Varint, Hex(16), Str(U8), …")
            }
            fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> Result<IdType, A::Error> {
                let (Word(word), variant) = data.variant()?;
                let form = match word.as_str() {
                    "Decimal" => IdForm::Decimal(variant.newtype_variant()?),
                    "Hex" | "Text" => IdForm::Hex(variant.newtype_variant()?),
                    "Bytes" => IdForm::Bytes(variant.newtype_variant()?),
                    "Uuid" => {
                        variant.unit_variant()?;
                        IdForm::Uuid
                    }
                    "Str" => {
                        let two = Two::<Extent, IdFormWord>::new("how far it reaches");
                        let (extent, form) = variant.tuple_variant(2, two)?;
                        let form = form.map_or(IdForm::Hex(16), IdFormWord::form);
                        return Ok(IdType::Str(extent, form));
                    }
                    word => {
                        return IntType::read(word, variant, ID_WORDS).map(IdType::Int);
                    }
                };
                Ok(IdType::Form(form))
            }
        }
        deserializer.deserialize_enum("IdType", ID_WORDS, Read)
    }
}

/// What the mesh's own ids look like in a text.
#[derive(Clone, Copy, Debug, Deserialize)]
enum IdFormWord {
    Decimal(u8),
    Digits(u8),
    Hex(u8),
    Uuid,
}

impl IdFormWord {
    fn form(self) -> IdForm {
        match self {
            Self::Decimal(digits) => IdForm::Decimal(digits),
            Self::Digits(most) => IdForm::Digits(most),
            Self::Hex(digits) => IdForm::Hex(digits),
            Self::Uuid => IdForm::Uuid,
        }
    }
}

/// A value and one more that may be left out.
struct Two<A, B>(&'static str, PhantomData<(A, B)>);

impl<A, B> Two<A, B> {
    fn new(expecting: &'static str) -> Self {
        Self(expecting, PhantomData)
    }
}

impl<'de, A: Deserialize<'de>, B: Deserialize<'de>> Visitor<'de> for Two<A, B> {
    type Value = (A, Option<B>);
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
    fn visit_seq<S: SeqAccess<'de>>(self, mut seq: S) -> Result<Self::Value, S::Error> {
        let first = seq
            .next_element()?
            .ok_or_else(|| de::Error::invalid_length(0, &self))?;
        Ok((first, seq.next_element()?))
    }
}

/// What fills a text up: a NUL or a blank.
struct Fill(u8);

impl<'de> Deserialize<'de> for Fill {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Bytes(bytes) = Bytes::deserialize(deserializer)?;
        match bytes.as_slice() {
            [fill @ (0 | b' ')] => Ok(Self(*fill)),
            _ => Err(de::Error::custom(
                "a text is filled up with blanks (\" \") or with NULs (\"\\0\")",
            )),
        }
    }
}

/// A condition: `{ "field": 1, "other": 2..=9 }` if all of it must hold, or a list of such of
/// which one must.
#[derive(Debug)]
pub(crate) struct When(pub(crate) Vec<Pairs<String, Pattern>>);

impl<'de> Deserialize<'de> for When {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = When;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a condition in braces, or a list of such")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<When, A::Error> {
                let line = Pairs::deserialize(MapAccessDeserializer::new(map))?;
                Ok(When(vec![line]))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<When, A::Error> {
                let mut lines = Vec::new();
                while let Some(line) = seq.next_element()? {
                    lines.push(line);
                }
                Ok(When(lines))
            }
        }
        deserializer.deserialize_any(Read)
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
