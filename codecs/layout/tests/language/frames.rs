//! Frames made by hand, and what they must decode to.

use std::collections::BTreeMap;

use weft_codec::proof::{Proof, Report, Vector, VectorFile};
use weft_codec::{
    Asked, Codec, Field, Head, Kind, Limits, Malformed, NewId, Rewrite, ScanState, Side, Value,
    Verdict,
};
use weft_layout::Layout;

/// Compiles a description.
#[track_caller]
pub(crate) fn layout(text: &str) -> Layout {
    Layout::compile("sample.ron", text).unwrap_or_else(|complaints| {
        let said: Vec<_> = complaints.iter().map(ToString::to_string).collect();
        panic!("{}", said.join("\n"))
    })
}

/// The complaints about a description, joined.
#[track_caller]
pub(crate) fn complaints(text: &str) -> String {
    match Layout::compile("sample.ron", text) {
        Ok(_) => panic!("this description must be refused: {text}"),
        Err(complaints) => {
            let said: Vec<_> = complaints.iter().map(ToString::to_string).collect();
            said.join("\n")
        }
    }
}

/// A description of a stateless protocol with this frame and more.
pub(crate) fn described(frame: &str, rest: &str) -> String {
    format!("(name: \"sample\", state: Stateless, frame: [{frame}], {rest})")
}

/// A frame and what it is.
pub(crate) fn frame(side: Side, kind: Kind, bytes: &[u8]) -> Vector {
    Vector {
        name: format!("{kind:?} {}", bytes.escape_ascii()),
        side,
        bytes: bytes.to_vec(),
        text: String::new(),
        kind,
        id: None,
        id_value: None,
        service: None,
        method: None,
        fields: BTreeMap::new(),
        hash_keys: None,
        deadline_ms: None,
        status: None,
        verdict: None,
        effect: None,
        exclusive: None,
        quiet: None,
        mended: Vec::new(),
    }
}

/// A request.
pub(crate) fn request(bytes: &[u8]) -> Vector {
    frame(Side::Downstream, Kind::Request, bytes)
}

/// An answer.
pub(crate) fn answer(bytes: &[u8]) -> Vector {
    frame(Side::Upstream, Kind::Answer, bytes)
}

/// The parts of a vector that tests set.
pub(crate) trait Set: Sized {
    fn id(self, id: &[u8]) -> Self;
    fn keys(self, keys: &[(&str, &str)]) -> Self;
    fn method(self, method: &str) -> Self;
    fn mended(self, first: usize, end: usize) -> Self;
    fn verdict(self, verdict: Verdict) -> Self;
}

impl Set for Vector {
    fn id(mut self, id: &[u8]) -> Self {
        self.id = Some(id.to_vec());
        self
    }

    fn keys(mut self, keys: &[(&str, &str)]) -> Self {
        self.fields.extend(
            keys.iter()
                .map(|(key, value)| ((*key).into(), (*value).into())),
        );
        self
    }

    fn method(mut self, method: &str) -> Self {
        self.method = Some(method.to_owned());
        self
    }

    fn mended(mut self, first: usize, end: usize) -> Self {
        self.mended.push((first, end));
        self
    }

    fn verdict(mut self, verdict: Verdict) -> Self {
        self.verdict = Some(verdict);
        self
    }
}

/// The frames pass the proof kit.
#[track_caller]
pub(crate) fn prove(codec: &Layout, frames: Vec<Vector>) -> Report {
    let file = VectorFile {
        name: "made here".to_owned(),
        provenance: "made by this test".to_owned(),
        frames,
    };
    Proof::new(codec)
        .with(file)
        .mutations(20_000)
        .run_all()
        .unwrap_or_else(|failures| panic!("{failures}"))
}

/// The head of one whole frame.
#[track_caller]
pub(crate) fn head(codec: &Layout, side: Side, bytes: &[u8]) -> Head {
    let mut heads = Vec::new();
    codec
        .scan(
            side,
            &Limits::default(),
            &mut ScanState::default(),
            bytes,
            &mut heads,
        )
        .unwrap();
    let [head] = heads.as_slice() else {
        panic!("{} heads in {}", heads.len(), bytes.escape_ascii());
    };
    *head
}

/// The complaint about bytes that are no frame.
#[track_caller]
pub(crate) fn malformed(codec: &Layout, side: Side, bytes: &[u8]) -> Malformed {
    codec
        .scan(
            side,
            &Limits::default(),
            &mut ScanState::default(),
            bytes,
            &mut Vec::new(),
        )
        .unwrap_err()
}

/// The frame with another id in it.
#[track_caller]
pub(crate) fn with_id(codec: &Layout, side: Side, bytes: &[u8], id: NewId<'_>) -> Vec<u8> {
    let rewrite = Rewrite {
        id,
        deadline_ms: None,
    };
    let mut out = Vec::new();
    let head = head(codec, side, bytes);
    codec.emit(side, &head, bytes, &rewrite, &mut out).unwrap();
    out
}

/// What is remembered of a request.
#[track_caller]
pub(crate) fn asked(codec: &Layout, side: Side, bytes: &[u8]) -> Asked {
    let mut asked = Asked::default();
    codec.remember(&head(codec, side, bytes), bytes, &mut asked);
    asked
}

/// The value of a key.
#[track_caller]
pub(crate) fn key(codec: &Layout, side: Side, bytes: &[u8], name: &str) -> Option<String> {
    let head = head(codec, side, bytes);
    let value = codec.field(side, &head, bytes, Field::Key(name));
    value.map(|value| match value {
        Value::Bytes(text) => String::from_utf8_lossy(&text).into_owned(),
        Value::Number(number) => number.to_string(),
    })
}
