//! Third check: any id put in and taken out changes the id, and what depends on it, and nothing
//! else.

use super::{Proof, Vector, VectorFile, decode::only_head};
use crate::{Asked, Codec, Head, IdDomain, IdKind, Kind, Limits, NewId, Rewrite, Side};

const CHECK: &str = "ids";

impl Proof<'_> {
    /// For each vector with an id that can be patched: puts in the first, the last and random
    /// ids of the lane's range, decodes the result, and takes them out again.
    pub fn check_ids(&mut self) {
        let Some(domain) = self.codec.traits().ids else {
            return;
        };
        if domain.wire_first > domain.wire_last {
            self.failures.add(CHECK, "the range of wire ids is empty");
            return;
        }
        let mut rng = fastrand::Rng::with_seed(self.seed);
        for file in &self.files {
            for (index, vector) in file.frames.iter().enumerate() {
                for id in sample(&mut rng, domain) {
                    match put_in_and_out(self.codec, &self.limits, file, index, id) {
                        Ok(checked) => self.report.ids += checked,
                        Err(what) => self.failures.add(
                            CHECK,
                            format!("{} `{}` id {id}: {what}", file.name, vector.name),
                        ),
                    }
                }
            }
        }
    }
}

fn sample(rng: &mut fastrand::Rng, domain: IdDomain) -> [u64; 5] {
    let IdDomain {
        wire_first,
        wire_last,
        ..
    } = domain;
    let mut any = || rng.u64(wire_first..=wire_last);
    [wire_first, wire_last, any(), any(), any()]
}

fn put_in_and_out(
    codec: &dyn Codec,
    limits: &Limits,
    file: &VectorFile,
    index: usize,
    id: u64,
) -> Result<u64, String> {
    let Some(vector) = file.frames.get(index) else {
        return Ok(0);
    };
    let frame = vector.bytes.as_slice();
    let head = only_head(codec, limits, vector.side, frame)?;
    if head.id.is_empty() || head.exclusive {
        return Ok(0);
    }
    let patched = with_id(codec, vector.side, &head, frame, NewId::Wire(id))?;
    let patched_head = only_head(codec, limits, vector.side, &patched)
        .map_err(|what| format!("with the id in it: {what}"))?;
    if patched_head.id_value != id {
        return Err(format!("decodes with id {}", patched_head.id_value));
    }
    if (patched_head.kind, patched_head.method.of(&patched)) != (head.kind, head.method.of(frame)) {
        return Err("kind or method changed with the id".to_owned());
    }
    only_the_id(vector, &head, &patched, &patched_head)?;
    let Some(asked) = asked_of(codec, limits, file, index, &head)? else {
        return Ok(1);
    };
    let back = with_id(
        codec,
        vector.side,
        &patched_head,
        &patched,
        NewId::Callers(&asked),
    )?;
    if back != frame {
        return Err(format!(
            "put in and taken out: {}, before: {}",
            hex(&back),
            hex(frame)
        ));
    }
    Ok(1)
}

/// Puts an id of the lane's range into a whole frame, if the codec takes it, and the frame's own
/// back: what decoded before must decode each time, with that id and otherwise as before.
pub(super) fn in_and_out(
    codec: &dyn Codec,
    limits: &Limits,
    side: Side,
    head: &Head,
    frame: &[u8],
    choice: u64,
) -> Result<(), String> {
    let Some(domain) = codec.traits().ids else {
        return Ok(());
    };
    if head.id.is_empty() || head.exclusive {
        return Ok(());
    }
    // Frames may grow by a longer id, also where they were just within the limits.
    let limits = Limits {
        frame_bytes_max: limits.frame_bytes_max.saturating_add(64),
        head_bytes_max: limits.head_bytes_max.saturating_add(64),
        ..*limits
    };
    let range = domain.wire_last.saturating_sub(domain.wire_first);
    let id = match range.checked_add(1) {
        Some(ids) => domain.wire_first.saturating_add(choice % ids),
        None => choice,
    };
    let Ok(patched) = with_id(codec, side, head, frame, NewId::Wire(id)) else {
        return Ok(());
    };
    let what = |stage: &str, bytes: &[u8], wrong: &str| {
        format!("{stage} id {id} of {}: {}: {wrong}", hex(frame), hex(bytes))
    };
    let there = only_head(codec, &limits, side, &patched)
        .map_err(|wrong| what("with", &patched, &wrong))?;
    if there.id_value != id || there.kind != head.kind {
        let wrong = format!("it decodes as {there:?}, before {head:?}");
        return Err(what("with", &patched, &wrong));
    }
    let mut asked = Asked::default();
    codec.remember(head, frame, &mut asked);
    let Ok(back) = with_id(codec, side, &there, &patched, NewId::Callers(&asked)) else {
        return Ok(());
    };
    if matches!(head.kind, Kind::Answer | Kind::Pong | Kind::Push) {
        return Ok(());
    }
    let again =
        only_head(codec, &limits, side, &back).map_err(|wrong| what("without", &back, &wrong))?;
    // Numbers may be written in several ways; peers compare what they say. Other ids are bytes.
    let same = match domain.kind {
        IdKind::Integer(_) | IdKind::Varint => again.id_value == head.id_value,
        _ => again.id.of(&back) == head.id.of(frame),
    };
    if !same || again.kind != head.kind {
        let wrong = format!("it decodes as {again:?}, before {head:?}");
        return Err(what("without", &back, &wrong));
    }
    Ok(())
}

pub(super) fn with_id(
    codec: &dyn Codec,
    side: Side,
    head: &Head,
    frame: &[u8],
    id: NewId<'_>,
) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    let rewrite = Rewrite {
        id,
        deadline_ms: None,
    };
    codec
        .emit(side, head, frame, &rewrite, &mut out)
        .map_err(|error| format!("{id:?} cannot be put in: {error}"))?;
    Ok(out)
}

/// What was remembered of the request that frame `index` is, or that it answers: the last one
/// before it with the same id.
fn asked_of(
    codec: &dyn Codec,
    limits: &Limits,
    file: &VectorFile,
    index: usize,
    head: &Head,
) -> Result<Option<Asked>, String> {
    let wants_request = matches!(head.kind, Kind::Answer | Kind::Pong);
    let before = file.frames.get(..=index).unwrap_or_default();
    for vector in before.iter().rev() {
        let request = only_head(codec, limits, vector.side, &vector.bytes)?;
        let answers = matches!(request.kind, Kind::Answer | Kind::Pong | Kind::Push);
        if request.id_value == head.id_value && !(wants_request && answers) {
            let mut asked = Asked::default();
            codec.remember(&request, &vector.bytes, &mut asked);
            return Ok(Some(asked));
        }
        if !wants_request {
            return Ok(None);
        }
    }
    Ok(None)
}

/// Compares the two frames with the id and the mended bytes cut out of both.
fn only_the_id(
    vector: &Vector,
    head: &Head,
    patched: &[u8],
    patched_head: &Head,
) -> Result<(), String> {
    let grown = patched.len() as i64 - vector.bytes.len() as i64;
    let spared = |bytes: &[u8], of: &Head, grown: i64| -> Vec<u8> {
        let after_id = |at: usize| at as u32 >= head.id.end();
        let shift = |at: usize| {
            let moved = if after_id(at) { grown } else { 0 };
            usize::try_from(at as i64 + moved).unwrap_or(0)
        };
        let mended: Vec<_> = vector
            .mended
            .iter()
            .map(|(first, end)| shift(*first)..shift(*end))
            .collect();
        let id = of.id.start as usize..of.id.end() as usize;
        bytes
            .iter()
            .enumerate()
            .filter(|(at, _)| !id.contains(at) && !mended.iter().any(|span| span.contains(at)))
            .map(|(_, byte)| *byte)
            .collect()
    };
    if spared(&vector.bytes, head, 0) == spared(patched, patched_head, grown) {
        Ok(())
    } else {
        Err(format!(
            "more than the id changed: {}, before: {}",
            hex(patched),
            hex(&vector.bytes)
        ))
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
