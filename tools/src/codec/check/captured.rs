//! Frames of a capture as vectors: what they decode to is not known, but that they do, that they
//! come out as they went in, and everything else that the proof kit asks.

use std::path::Path;

use weft_codec::proof::{Vector, VectorFile};
use weft_codec::{Codec, Side};

use crate::codec::decode::{self, Event, Frame};
use crate::codec::explain;
use crate::codec::input::read_file;

/// The most frames of one connection that are proved; the rest must only be readable.
const FRAMES_MAX: usize = 500;

/// What a capture gave.
#[derive(Debug, Default)]
pub(super) struct Captured {
    pub(super) files: Vec<VectorFile>,
    pub(super) unread: Vec<String>,
    pub(super) notes: Vec<String>,
}

/// Reads a capture.
///
/// # Errors
/// A file that is no capture, or has no connection.
pub(super) fn vectors(
    codec: &dyn Codec,
    path: &Path,
    port: Option<u16>,
) -> anyhow::Result<Captured> {
    let shown = path.display();
    let read = weft_capture::read(&read_file(path)?, port)?;
    let mut captured = Captured {
        notes: read.notes,
        ..Captured::default()
    };
    for conversation in &read.conversations {
        let mut frames = Vec::new();
        for event in decode::read(codec, conversation) {
            match event {
                Event::Frame(frame) => frames.push(vector(&frame)),
                other => {
                    let name = &conversation.name;
                    let what = explain::in_one_line(&other);
                    captured.unread.push(format!("{shown}: {name}: {what}"));
                }
            }
        }
        if frames.len() > FRAMES_MAX {
            let (name, all) = (&conversation.name, frames.len());
            captured.notes.push(format!(
                "{name}: of {all} frames the first {FRAMES_MAX} were proved, the others read"
            ));
            frames.truncate(FRAMES_MAX);
        }
        if !frames.is_empty() {
            captured.files.push(VectorFile {
                name: format!("{shown} {}", conversation.name),
                provenance: format!("captured: {shown}"),
                frames,
            });
        }
    }
    Ok(captured)
}

fn vector(frame: &Frame<'_>) -> Vector {
    let side = match frame.side {
        Side::Downstream => "client",
        Side::Upstream => "server",
    };
    Vector::found(
        format!(
            "frame {} of the {side}, packet {}",
            frame.number, frame.packet
        ),
        frame.side,
        frame.head.kind,
        frame.bytes.to_vec(),
    )
}
