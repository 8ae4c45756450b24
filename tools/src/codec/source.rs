//! The protocol that a command is about: a built-in by name, or a description by its path.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use weft_codec::Codec;
use weft_proxy::builtin;

/// acme in Rust, which no configuration can name.
const BY_HAND: &str = "acme-by-hand";

/// Largest description that is read.
const DESCRIPTION_BYTES_MAX: u64 = 1 << 20;

/// A protocol, and where its vectors are.
#[derive(Debug)]
pub(crate) struct Protocol {
    pub(crate) codec: Arc<dyn Codec>,
    /// The folder of its vectors, where there is one.
    pub(crate) vectors: Option<PathBuf>,
}

impl Protocol {
    /// The protocol of that name, or of the description at that path; a folder stands for its
    /// `protocol.ron`.
    ///
    /// # Errors
    /// What is wrong with the description, or that there is none.
    pub(crate) fn open(word: &str) -> anyhow::Result<Self> {
        if word == BY_HAND {
            return Ok(Self {
                codec: Arc::new(weft_acme::Acme::new()),
                vectors: vectors_in(Path::new("protocols/acme")),
            });
        }
        let known = builtin::all().iter().find(|builtin| builtin.name == word);
        if let Some(builtin) = known {
            return Self::builtin(builtin);
        }
        let path = Path::new(word);
        if path.is_dir() {
            Self::describe(&path.join("protocol.ron"))
        } else if path.exists() || word.ends_with(".ron") || word.contains('/') {
            Self::describe(path)
        } else {
            let names: Vec<&str> = builtin::all().iter().map(|builtin| builtin.name).collect();
            bail!(
                "there is neither a protocol nor a file `{word}`; built in are {}",
                names.join(", ")
            );
        }
    }

    /// A built-in protocol. Its vectors are found where the current folder is the repository.
    ///
    /// # Errors
    /// None, as a test holds.
    pub(crate) fn builtin(builtin: &builtin::Builtin) -> anyhow::Result<Self> {
        let folder = builtin.folder();
        Ok(Self {
            codec: builtin.codec().map_err(|all| anyhow::anyhow!(told(&all)))?,
            vectors: vectors_in(Path::new(&folder)),
        })
    }

    /// A described protocol. Its vectors are in `vectors/` beside the file.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub(crate) fn describe(path: &Path) -> anyhow::Result<Self> {
        let shown = path.display();
        let metadata = fs::metadata(path).with_context(|| format!("{shown}"))?;
        if metadata.len() > DESCRIPTION_BYTES_MAX {
            bail!("{shown} has more than 1 MiB: it is no description");
        }
        let text = fs::read_to_string(path).with_context(|| format!("{shown}"))?;
        let codec = builtin::describe(&shown.to_string(), &text)
            .map_err(|all| anyhow::anyhow!(told(&all)))?;
        Ok(Self {
            codec,
            vectors: path.parent().and_then(vectors_in),
        })
    }
}

fn vectors_in(folder: &Path) -> Option<PathBuf> {
    let folder = folder.join("vectors");
    folder.is_dir().then_some(folder)
}

/// Complaints, one paragraph each.
fn told(complaints: &[impl std::fmt::Display]) -> String {
    let told: Vec<String> = complaints.iter().map(ToString::to_string).collect();
    told.join("\n")
}
