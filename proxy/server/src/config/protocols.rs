//! The protocols that a configuration may use: descriptions that it names, and built-ins.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use weft_codec::proof::{self, Proof, VectorFile};
use weft_codec::{Codec, Side, Traits};
use weft_model::Patterns;
use weft_ron::{Complaint, Position};

use super::place::{Findings, Place};
use super::{Codecs, ProtocolConfig};
use crate::builtin::Builtin;

/// Largest description that is read.
const DESCRIPTION_BYTES_MAX: u64 = 1 << 20;

/// Largest configuration that is read: some hundred thousand instances.
pub(super) const CONFIG_BYTES_MAX: u64 = 16 << 20;

/// Where protocols come from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sources<'s> {
    /// What is known without a description.
    pub(super) builtins: &'s [Builtin],
    /// Descriptions are looked for relative to it.
    pub(super) base_dir: &'s Path,
}

/// The protocols that are known.
#[derive(Debug)]
pub(super) struct Protocols<'s> {
    builtins: &'s [Builtin],
    described: Codecs,
    /// The vectors beside descriptions, by protocol.
    vectors: BTreeMap<String, Vec<VectorFile>>,
    used: Codecs,
    /// A description could not be read, so an unknown name may be its protocol.
    incomplete: bool,
}

impl<'s> Protocols<'s> {
    /// Reads the descriptions that the file names.
    pub(super) fn read(found: &mut Findings<'_>, sources: Sources<'s>, files: &[String]) -> Self {
        let mut protocols = Self {
            builtins: sources.builtins,
            described: Codecs::new(),
            vectors: BTreeMap::new(),
            used: Codecs::new(),
            incomplete: false,
        };
        let (root, before) = (Place::ROOT, found.complaints.len());
        let list = root.field("protocols");
        for (n, file) in files.iter().enumerate() {
            protocols.describe(found, &list.index(n), &sources.base_dir.join(file));
        }
        protocols.incomplete = found.complaints.len() > before;
        protocols
    }

    fn describe(&mut self, found: &mut Findings<'_>, place: &Place<'_>, path: &Path) {
        let text = match read(path, DESCRIPTION_BYTES_MAX) {
            Ok(text) => text,
            Err(error) => {
                found.refuse(
                    place,
                    format!("the description cannot be read: {error}"),
                    format!("`{}` was looked for", path.display()),
                );
                return;
            }
        };
        let codec = match crate::builtin::describe(&path.display().to_string(), &text) {
            Ok(codec) => codec,
            Err(complaints) => {
                found.complaints.extend(complaints);
                return;
            }
        };
        let name = codec.name().to_owned();
        let builtin = self.builtins.iter().find(|builtin| builtin.name == name);
        let known = builtin.is_some_and(|builtin| builtin.description() == Some(&*text));
        if let Some(files) = own_vectors(found, place, path, &*codec) {
            self.vectors.insert(name.clone(), files);
        } else if !known {
            found.warn(
                place,
                format!("nothing proves the description of `{name}`: it has no vectors"),
                format!(
                    "put captured frames into `{}`, with what each must decode to",
                    path.with_file_name("vectors").display()
                ),
            );
        }
        if builtin.is_some_and(Builtin::is_code) {
            found.refuse(
                place,
                format!("protocol `{name}` is built in"),
                "give the description another name",
            );
        } else if builtin.is_some() && !known {
            found.warn(
                place,
                format!("this description takes the place of the built-in protocol `{name}`"),
                "give it another name if both are wanted",
            );
        }
        if self.described.contains_key(&name) {
            found.refuse(
                place,
                format!("protocol `{name}` is described twice"),
                "remove one of the descriptions",
            );
        }
        let description = Some(text.into());
        let config = ProtocolConfig { codec, description };
        self.described.insert(name, config);
    }

    /// The traits of a protocol, if it is known; otherwise a complaint at `place`.
    pub(super) fn find(
        &mut self,
        found: &mut Findings<'_>,
        place: &Place<'_>,
        name: &str,
    ) -> Option<Traits> {
        if let Some(known) = self.used.get(name) {
            return Some(known.codec.traits().clone());
        }
        let builtin = || self.builtins.iter().find(|builtin| builtin.name == name);
        let config = if let Some(described) = self.described.get(name) {
            described.clone()
        } else if let Some(builtin) = builtin() {
            match builtin.codec() {
                Ok(codec) => ProtocolConfig {
                    codec,
                    description: None,
                },
                Err(complaints) => {
                    found.complaints.extend(complaints);
                    return None;
                }
            }
        } else {
            if !self.incomplete {
                found.unknown(place, "protocol", name, self.names());
            }
            return None;
        };
        let traits = config.codec.traits().clone();
        self.used.insert(name.to_owned(), config);
        Some(traits)
    }

    /// The methods that a protocol which was found before declares to be repeatable.
    pub(super) fn idempotent(&self, name: &str) -> Patterns {
        let patterns = self.used.get(name).map(|known| known.codec.idempotent());
        let patterns = patterns.unwrap_or_default().iter();
        Patterns(
            patterns
                .filter_map(|pattern| pattern.parse().ok())
                .collect(),
        )
    }

    /// The traits of a protocol that was found before.
    pub(super) fn traits(&self, name: &str) -> Option<&Traits> {
        self.used.get(name).map(|known| known.codec.traits())
    }

    /// The codec of a protocol that was found before.
    pub(super) fn codec(&self, name: &str) -> Option<&dyn Codec> {
        self.used.get(name).map(|known| &*known.codec)
    }

    /// First bytes of clients of a protocol that was found before: of its vectors, if it is
    /// described and has some, or of the list of built-ins.
    pub(super) fn openings(&self, name: &str) -> Vec<Vec<u8>> {
        match self.vectors.get(name) {
            Some(files) => files.iter().filter_map(first_frame).collect(),
            None if self.described.contains_key(name) => Vec::new(),
            None => crate::openings::of(name),
        }
    }

    /// The protocols that were found.
    pub(super) fn into_used(self) -> Codecs {
        self.used
    }

    fn names(&self) -> Vec<String> {
        let described = self.described.keys().cloned();
        let builtins = self.builtins.iter().map(|builtin| builtin.name.to_owned());
        let builtins = builtins.filter(|name| !self.described.contains_key(name));
        described.chain(builtins).collect()
    }
}

/// The vectors in `vectors` beside a description, which must hold for it: a protocol that fails
/// its own vectors is not loaded. `None` if there are none.
fn own_vectors(
    found: &mut Findings<'_>,
    place: &Place<'_>,
    path: &Path,
    codec: &dyn Codec,
) -> Option<Vec<VectorFile>> {
    let folder = path.parent()?.join("vectors");
    if !folder.is_dir() {
        return None;
    }
    let files = match proof::load(&folder) {
        Ok(files) => files,
        Err(error) => {
            found.refuse(
                place,
                format!("the vectors of the description cannot be read: {error}"),
                "correct them, or take the folder away",
            );
            return Some(Vec::new());
        }
    };
    if files.iter().all(|file| file.frames.is_empty()) {
        return None;
    }
    let mut proof = Proof::new(codec);
    for file in &files {
        proof = proof.with(file.clone());
    }
    proof.check_vectors();
    proof.check_ids();
    proof.check_replies();
    if let Err(failures) = proof.finish() {
        let first = failures.list.first();
        let first = first.map_or("", |(_, what)| what.as_str());
        found.refuse(
            place,
            format!("the description fails its own vectors: {first}"),
            format!("`weft codec check {}` says everything", path.display()),
        );
    }
    Some(files)
}

/// The first frame that the client of a file of vectors sent.
fn first_frame(file: &VectorFile) -> Option<Vec<u8>> {
    let mut frames = file.frames.iter();
    let first = frames.find(|frame| frame.side == Side::Downstream)?;
    Some(first.bytes.clone())
}

/// Reads a text file of a bounded size.
pub(super) fn read(path: &Path, bytes_max: u64) -> Result<String, std::io::Error> {
    let bytes = std::fs::metadata(path)?.len();
    if bytes > bytes_max {
        return Err(std::io::Error::other(format!(
            "it has {bytes} bytes, and {bytes_max} are the most"
        )));
    }
    std::fs::read_to_string(path)
}

/// A complaint about a file as a whole.
pub(super) fn about_file(path: &Path, message: impl Into<String>) -> Complaint {
    Complaint::new(&path.display().to_string(), Position::START, message)
}

/// Takes over the codecs of an earlier configuration whose protocols did not change, so that
/// what was compiled from them can be shared.
pub(super) fn keep(codecs: &mut Codecs, earlier: &Codecs) {
    for (name, config) in codecs {
        if let Some(old) = earlier.get(name)
            && old.description == config.description
        {
            config.codec = Arc::clone(&old.codec);
        }
    }
}
