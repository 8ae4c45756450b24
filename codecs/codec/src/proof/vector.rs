//! Vectors: frames of real peers as files, with what each must decode to.
//!
//! One RON file is one stream of frames between one client and one server, in their order:
//!
//! ```ron
//! (
//!     provenance: "who spoke to whom, when, and where the frame layout is described",
//!     frames: [
//!         (name: "first call", side: Downstream, hex: "0000 0001 41", kind: Request,
//!          id: "01", id_value: 1, service: "Echo", method: "whoami",
//!          fields: { "header.tenant": "blue" }),
//!         (name: "a reply", side: Upstream, text: "+OK\r\n", kind: Answer, verdict: Ok),
//!     ],
//! )
//! ```
//!
//! What is left out is not checked; name, side, bytes and kind cannot be left out.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use ron::{Options, extensions::Extensions};
use serde::{Deserialize, Deserializer, de::Error as _};

use crate::{Effect, Kind, Side, Verdict};

/// One stream of frames with its provenance.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VectorFile {
    /// The file's name without its folder; empty for frames made in a test.
    #[serde(skip)]
    pub name: String,
    /// Which implementations sent the frames, in words. Not empty in a file.
    pub provenance: String,
    /// The frames in the order in which they were sent, both sides together.
    pub frames: Vec<Vector>,
}

/// One frame and what it must decode to. `None` and empty maps check nothing.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vector {
    /// What the frame is, in a few words.
    pub name: String,
    /// Who sent it.
    #[serde(with = "SideName")]
    pub side: Side,
    /// The bytes: in a file either `hex`, where blanks do not count, or `text`.
    #[serde(default, rename = "hex", deserialize_with = "hex")]
    pub bytes: Vec<u8>,
    /// The bytes as text, for protocols of text. Loading moves them to `bytes`.
    #[serde(default)]
    pub text: String,
    /// What the frame is.
    #[serde(with = "KindName")]
    pub kind: Kind,
    /// The bytes of the id's span in hexadecimal.
    #[serde(default, deserialize_with = "hex_option")]
    pub id: Option<Vec<u8>>,
    /// The id as a number.
    #[serde(default)]
    pub id_value: Option<u64>,
    /// [`crate::Field::Service`]; the empty text: the frame names none.
    #[serde(default)]
    pub service: Option<String>,
    /// [`crate::Field::Method`]; the empty text: the frame names none.
    #[serde(default)]
    pub method: Option<String>,
    /// [`crate::Field::Key`] by name.
    #[serde(default)]
    pub fields: BTreeMap<String, String>,
    /// [`crate::Field::HashKey`] by number, from 0; one more must be absent.
    #[serde(default)]
    pub hash_keys: Option<Vec<String>>,
    /// [`crate::Field::DeadlineMs`].
    #[serde(default)]
    pub deadline_ms: Option<u64>,
    /// [`crate::Field::Status`] of an answer.
    #[serde(default)]
    pub status: Option<u64>,
    /// What the answer says.
    #[serde(default, deserialize_with = "verdict")]
    pub verdict: Option<Verdict>,
    /// What the request does to its connection.
    #[serde(default, deserialize_with = "effect")]
    pub effect: Option<Effect>,
    /// Whether the request needs a lane of its own.
    #[serde(default)]
    pub exclusive: Option<bool>,
    /// Whether its caller hears nothing of a proxy error, because it asked to hear of something
    /// else only. In a file it does hear unless this says otherwise; `None`: nobody knows.
    #[serde(default = "hears")]
    pub quiet: Option<bool>,
    /// Bytes beside the id that another id changes, as `(first, end)`: lengths, checksums, a
    /// second id.
    #[serde(default)]
    pub mended: Vec<(usize, usize)>,
}

impl Vector {
    /// A frame of which no more is known than its kind, for instance from a capture.
    #[must_use]
    pub fn found(name: String, side: Side, kind: Kind, bytes: Vec<u8>) -> Self {
        Self {
            name,
            side,
            bytes,
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
            // Nobody knows which bytes another id changes, so it may change any; that taking it
            // out again restores them is still checked.
            mended: vec![(0, u32::MAX as usize)],
        }
    }
}

/// Vectors that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{}: {reason}", path.display(), place(*line, *column))]
pub struct VectorError {
    /// The file, or the folder.
    pub path: PathBuf,
    /// Line from 1; 0 if it is about the whole file.
    pub line: usize,
    /// Column from 1; 0 if it is about the whole file.
    pub column: usize,
    /// What is wrong, in words.
    pub reason: String,
}

/// Where in a file: nothing, if it is about the whole of it.
fn place(line: usize, column: usize) -> String {
    if line == 0 {
        String::new()
    } else {
        format!(":{line}:{column}")
    }
}

/// Reads every `*.ron` file of `folder`, in the order of their names.
///
/// # Errors
/// [`VectorError`]: nothing to read, or not of the format.
pub fn load(folder: &Path) -> Result<Vec<VectorFile>, VectorError> {
    let whole = |path: &Path, reason: String| VectorError {
        path: path.to_owned(),
        line: 0,
        column: 0,
        reason,
    };
    let entries = fs::read_dir(folder).map_err(|error| whole(folder, error.to_string()))?;
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry
            .map_err(|error| whole(folder, error.to_string()))?
            .path();
        if path.extension().is_some_and(|extension| extension == "ron") {
            paths.push(path);
        }
    }
    paths.sort();
    if paths.is_empty() {
        return Err(whole(
            folder,
            "no vectors are in this folder: put a file NAME.ron there, or remove the folder"
                .to_owned(),
        ));
    }
    let mut files = Vec::new();
    for path in paths {
        files.push(load_file(&path)?);
    }
    Ok(files)
}

/// Reads one file.
///
/// # Errors
/// [`VectorError`]: it cannot be read, or is not of the format.
pub fn load_file(path: &Path) -> Result<VectorFile, VectorError> {
    let text = fs::read_to_string(path).map_err(|error| VectorError {
        path: path.to_owned(),
        line: 0,
        column: 0,
        reason: error.to_string(),
    })?;
    parse(path, &text)
}

fn parse(path: &Path, text: &str) -> Result<VectorFile, VectorError> {
    let complain = |line, column, reason: String| VectorError {
        path: path.to_owned(),
        line,
        column,
        reason,
    };
    let options = Options::default().with_default_extension(Extensions::IMPLICIT_SOME);
    let mut file: VectorFile = options.from_str(text).map_err(|error| {
        let at = error.span.start;
        complain(at.line, at.col, error.code.to_string())
    })?;
    if file.provenance.trim().is_empty() {
        return Err(complain(0, 0, "the provenance is empty".to_owned()));
    }
    file.name = path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    for vector in &mut file.frames {
        if !vector.text.is_empty() && vector.bytes.is_empty() {
            vector.bytes = std::mem::take(&mut vector.text).into_bytes();
        }
        if vector.bytes.is_empty() || !vector.text.is_empty() {
            let name = &vector.name;
            return Err(complain(
                0,
                0,
                format!("frame `{name}` must have either hex or text"),
            ));
        }
    }
    Ok(file)
}

fn hears() -> Option<bool> {
    Some(false)
}

fn unhex(text: &str) -> Result<Vec<u8>, String> {
    let digits: Vec<u8> = text
        .bytes()
        .filter(|byte| !byte.is_ascii_whitespace())
        .map(|byte| {
            char::from(byte)
                .to_digit(16)
                .and_then(|digit| u8::try_from(digit).ok())
                .ok_or_else(|| format!("`{}` is no hexadecimal digit", char::from(byte)))
        })
        .collect::<Result<_, _>>()?;
    if !digits.len().is_multiple_of(2) {
        return Err("an odd number of hexadecimal digits".to_owned());
    }
    Ok(digits
        .chunks_exact(2)
        .map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit))
        .collect())
}

fn hex<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    unhex(&String::deserialize(deserializer)?).map_err(D::Error::custom)
}

fn hex_option<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<u8>>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    text.map(|text| unhex(&text).map_err(D::Error::custom))
        .transpose()
}

fn verdict<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Verdict>, D::Error> {
    VerdictName::deserialize(deserializer).map(Some)
}

fn effect<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Effect>, D::Error> {
    EffectName::deserialize(deserializer).map(Some)
}

// Serde's names of the contract's enums, so that the contract itself needs no serde.

#[derive(Deserialize)]
#[serde(remote = "Side")]
enum SideName {
    Downstream,
    Upstream,
}

#[derive(Deserialize)]
#[serde(remote = "Kind")]
enum KindName {
    Request,
    OneWay,
    Answer,
    Push,
    Ping,
    Pong,
    GoAway,
    Cancel,
    Handshake,
}

#[derive(Deserialize)]
#[serde(remote = "Verdict")]
enum VerdictName {
    Ok,
    Queued,
    ApplicationError,
    Overload,
    NotExecuted,
    Unavailable,
}

#[derive(Deserialize)]
#[serde(remote = "Effect")]
enum EffectName {
    Stateless,
    Facet,
    Local,
    Reset,
    Quit,
    Blocking,
    Pin,
    Session,
    Unpin,
    Tunnel,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vector_names_its_optional_parts_without_some() {
        let text = r#"(provenance: "made here", frames: [(name: "a", side: Downstream,
            hex: "00 01ff", kind: OneWay, id: "ff", id_value: 255, verdict: Overload)])"#;
        let file = parse(Path::new("x.ron"), text).unwrap();
        assert_eq!(file.frames[0].bytes, [0, 1, 255]);
        assert_eq!(file.frames[0].id.as_deref(), Some(&[255][..]));
        assert_eq!(file.frames[0].verdict, Some(Verdict::Overload));
    }

    #[test]
    fn a_wrong_digit_is_named_with_its_line() {
        let text = "(provenance: \"made here\",\nframes: [(name: \"a\", side: Downstream, hex: \"0g\", kind: Request)])";
        let error = parse(Path::new("x.ron"), text).unwrap_err();
        assert_eq!(error.line, 2);
        assert!(error.to_string().contains("`g`"), "{error}");
    }

    #[test]
    fn a_frame_without_bytes_is_refused() {
        let text =
            r#"(provenance: "made here", frames: [(name: "a", side: Downstream, kind: Request)])"#;
        assert!(parse(Path::new("x.ron"), text).is_err());
    }
}
