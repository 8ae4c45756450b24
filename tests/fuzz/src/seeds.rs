//! What fuzzers begin with, beside the committed corpus: captured frames, descriptions and
//! configurations of this repository, as inputs of each target. The one place of this crate that
//! reads files.

use std::path::{Path, PathBuf};

use weft_codec::Side;
use weft_codec::proof::{VectorFile, load};

use crate::described::SHIPPED;

/// The first inputs of the target of this name; none for a name that is no target's.
///
/// # Errors
/// Which file of the repository cannot be read, and why.
pub fn seeds(target: &str) -> Result<Vec<Vec<u8>>, String> {
    match target {
        "layout" => described(|number, input, _| [&[number][..], input].concat()),
        "compiler" => {
            described(|_, input, text| [text.as_bytes(), &[0], input].concat()).map(|inputs| {
                let longest = inputs.len().min(COMPILED_MAX);
                let step = (inputs.len() / longest.max(1)).max(1);
                inputs.into_iter().step_by(step).collect()
            })
        }
        "config" => examples(),
        "hessian2" => Ok(frames("protocols/dubbo")?
            .into_iter()
            .filter_map(|input| Some([&[0][..], input.get(DUBBO_BODY..)?].concat()))
            .collect()),
        codec => frames(&format!("protocols/{codec}")),
    }
}

/// Texts are long, so of those with a frame behind them few are taken.
const COMPILED_MAX: usize = 48;

/// Where a body of Dubbo begins in an input: behind its first byte and the frame's header.
const DUBBO_BODY: usize = 17;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The captured frames of a protocol, each alone and each file's in one stream, as
/// [`crate::codecs::stream`] reads them.
fn frames(folder: &str) -> Result<Vec<Vec<u8>>, String> {
    let folder = root().join(folder).join("vectors");
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let files = load(&folder).map_err(|error| error.to_string())?;
    Ok(files.iter().flat_map(inputs_of).collect())
}

fn inputs_of(file: &VectorFile) -> Vec<Vec<u8>> {
    let mut inputs = Vec::new();
    for (side, choice) in [(Side::Downstream, 0u8), (Side::Upstream, 1)] {
        let mut stream = vec![choice | 2];
        for vector in file.frames.iter().filter(|vector| vector.side == side) {
            inputs.push([&[choice][..], &vector.bytes].concat());
            stream.extend_from_slice(&vector.bytes);
        }
        inputs.push(stream);
    }
    inputs.retain(|input| (2..=INPUT_BYTES_MAX).contains(&input.len()));
    inputs
}

/// Longer inputs slow a fuzzer more than they teach it.
const INPUT_BYTES_MAX: usize = 4 << 10;

/// The frames of each shipped description, joined by `join` from its number, an input and its text.
fn described(join: impl Fn(u8, &[u8], &str) -> Vec<u8>) -> Result<Vec<Vec<u8>>, String> {
    let mut inputs = Vec::new();
    for (number, (folder, text)) in (0u8..).zip(SHIPPED) {
        let frames = frames(folder)?;
        inputs.extend(frames.iter().map(|input| join(number, input, text)));
    }
    Ok(inputs)
}

/// The configurations of the documentation.
fn examples() -> Result<Vec<Vec<u8>>, String> {
    let folder = root().join("docs/examples");
    let entries = std::fs::read_dir(&folder).map_err(|error| error.to_string())?;
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|ending| ending == "ron"))
        .collect();
    paths.sort();
    let read = |path: &PathBuf| {
        std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
    };
    paths.iter().map(read).collect()
}
