//! What a command is to read: hexadecimal text, a file of bytes, a capture, or vectors.

use std::fs;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, bail};
use weft_codec::{Codec, Limits, ScanState, Side, proof};

use super::hex;
use weft_capture::{Conversation, Run};

/// The largest input that is read.
const INPUT_BYTES_MAX: u64 = 1 << 30;

/// Where bytes come from.
#[derive(Debug, clap::Args)]
pub(crate) struct Bytes {
    /// Hexadecimal text, or a file: a pcap or pcapng capture, a listing of xxd or hexdump, plain
    /// bytes, or vectors (.ron); `-` is standard input.
    #[arg(required = true)]
    input: Vec<String>,
    /// Takes the file for this; told from its contents unless given.
    #[arg(long = "as", value_enum)]
    format: Option<Format>,
    /// Who sent the bytes; tried both ways unless given. A capture tells by itself.
    #[arg(long, value_enum)]
    side: Option<Sender>,
    /// The server's port in a capture; connections without it are left out.
    #[arg(long)]
    port: Option<u16>,
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// A pcap or pcapng capture.
    Capture,
    /// Hexadecimal text or a listing.
    Hex,
    /// The bytes themselves.
    Bytes,
    /// Vectors in RON.
    Vectors,
}

/// Who sent bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Sender {
    /// A client: requests.
    Client,
    /// A server: answers.
    Server,
}

/// What was read.
#[derive(Debug, Default)]
pub(crate) struct Input {
    pub(crate) conversations: Vec<Conversation>,
    /// What is to be said of all of it.
    pub(crate) notes: Vec<String>,
}

impl Bytes {
    /// Reads the input; `codec` decides who sent bytes that do not tell.
    ///
    /// # Errors
    /// Text that is not hexadecimal, a file that is not what it should be.
    pub(crate) fn read(&self, codec: &dyn Codec) -> anyhow::Result<Input> {
        let [word] = self.input.as_slice() else {
            let bytes = hex::parse(&self.input.join(" "))?;
            return Ok(self.bytes(codec, "the given bytes".to_owned(), bytes));
        };
        let path = Path::new(word);
        let (name, bytes) = if word == "-" {
            let mut bytes = Vec::new();
            let mut input = std::io::stdin().lock().take(INPUT_BYTES_MAX);
            input.read_to_end(&mut bytes).context("standard input")?;
            ("standard input".to_owned(), bytes)
        } else if path.is_file() {
            (word.clone(), read_file(path)?)
        } else {
            let bytes = hex::parse(word).with_context(|| {
                format!("there is no file `{word}`, and it is no hexadecimal text")
            })?;
            return Ok(self.bytes(codec, "the given bytes".to_owned(), bytes));
        };
        match self.format.unwrap_or_else(|| format_of(path, &bytes)) {
            Format::Capture => {
                let captured = weft_capture::read(&bytes, self.port).context(name)?;
                Ok(Input {
                    conversations: captured.conversations,
                    notes: captured.notes,
                })
            }
            Format::Hex => {
                let text = String::from_utf8(bytes).with_context(|| name.clone())?;
                let bytes = hex::parse(&text).with_context(|| name.clone())?;
                Ok(self.bytes(codec, name, bytes))
            }
            Format::Bytes => Ok(self.bytes(codec, name, bytes)),
            Format::Vectors => vectors(path),
        }
    }

    /// One side's bytes.
    fn bytes(&self, codec: &dyn Codec, name: String, bytes: Vec<u8>) -> Input {
        let side = match self.side {
            Some(Sender::Client) => Side::Downstream,
            Some(Sender::Server) => Side::Upstream,
            None => likely_side(codec, &bytes),
        };
        let mut conversation = Conversation::of(name, side, bytes);
        if self.side.is_none() && side == Side::Upstream {
            conversation.notes.push(
                "read as the bytes of a server, as which more of them can be read than as those \
                 of a client"
                    .to_owned(),
            );
        }
        Input {
            conversations: vec![conversation],
            notes: Vec::new(),
        }
    }
}

/// Reads a file of a bounded size.
///
/// # Errors
/// A file that cannot be read, or is too large.
pub(crate) fn read_file(path: &Path) -> anyhow::Result<Vec<u8>> {
    let shown = path.display();
    let size = fs::metadata(path)
        .with_context(|| format!("{shown}"))?
        .len();
    if size > INPUT_BYTES_MAX {
        bail!("{shown} has {size} bytes; 1 GiB are the most that are read");
    }
    fs::read(path).with_context(|| format!("{shown}"))
}

/// What a file is, from its name and contents.
fn format_of(path: &Path, bytes: &[u8]) -> Format {
    if weft_capture::is_capture(bytes) {
        Format::Capture
    } else if path.extension().is_some_and(|extension| extension == "ron") {
        Format::Vectors
    } else if std::str::from_utf8(bytes)
        .is_ok_and(|text| hex::parse(text).is_ok_and(|read| !read.is_empty()))
    {
        Format::Hex
    } else {
        Format::Bytes
    }
}

/// As whose bytes more of them can be read; a client's if both are alike.
fn likely_side(codec: &dyn Codec, bytes: &[u8]) -> Side {
    let read = |side| {
        let limits = Limits {
            cut_through_bytes: u32::MAX,
            ..Limits::default()
        };
        let mut heads = Vec::new();
        let mut state = ScanState::default();
        match codec.scan(side, &limits, &mut state, bytes, &mut heads) {
            Ok(_) => usize::MAX,
            Err(malformed) => malformed.at,
        }
    };
    if read(Side::Upstream) > read(Side::Downstream) {
        Side::Upstream
    } else {
        Side::Downstream
    }
}

/// The frames of a file of vectors, each from a boundary of its own.
fn vectors(path: &Path) -> anyhow::Result<Input> {
    let file = proof::load_file(path)?;
    let mut conversation = Conversation {
        name: path.display().to_string(),
        notes: vec![file.provenance.clone()],
        ..Conversation::default()
    };
    for (n, vector) in (1u32..).zip(file.frames) {
        let direction = match vector.side {
            Side::Downstream => &mut conversation.downstream,
            Side::Upstream => &mut conversation.upstream,
        };
        let offset = direction.bytes() as u64;
        direction.runs.push(Run {
            offset,
            bytes: vector.bytes,
            inside: false,
            packets: vec![(0, n)],
        });
    }
    Ok(Input {
        conversations: vec![conversation],
        notes: Vec::new(),
    })
}
