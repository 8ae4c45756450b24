//! What both directions have in common: finding hop frames in a stream, and the native frame in
//! each.

use weft_codec::{
    Codec, Head, Kind, Limits, Malformed, ProxyError, ScanState, Scanned, Side, Sniff, Span,
};

use crate::{FIXED_BYTES, FrameKind, Header, HeaderError, MAGIC, VERSION};

/// [`FIXED_BYTES`] as frames count.
pub(crate) const FIXED_BYTES_U32: u32 = 24;

/// Where every id stands.
pub(crate) const ID_SPAN: Span = Span::new(8, 8);

/// Why there is no head yet, or ever.
enum Hold {
    Need(usize),
    Wrong(Malformed),
}

/// The bytes with which every connection of this version begins.
#[must_use]
pub const fn first_bytes() -> [u8; 4] {
    let [m0, m1, m2] = MAGIC;
    [m0, m1, m2, VERSION]
}

/// Whether a connection begins with a hop frame. Four bytes decide.
pub fn sniff(prefix: &[u8]) -> Sniff {
    let known = first_bytes();
    if prefix
        .iter()
        .zip(MAGIC)
        .any(|(there, magic)| *there != magic)
    {
        Sniff::No
    } else if prefix.len() < known.len() {
        Sniff::Need(known.len())
    } else {
        // Another version too: what is wrong with it is said when the frame is read.
        Sniff::Yes
    }
}

/// Finds hop frames, and looks into answers, and into requests of which not all has come: whether
/// there is one native frame of `inner` in each, or the head of one that may be cut.
pub(crate) fn scan(
    inner: &dyn Codec,
    (side, limits): (Side, &Limits),
    state: &mut ScanState,
    bytes: &[u8],
    heads: &mut Vec<Head>,
) -> Result<Scanned, Malformed> {
    let mut at = 0usize;
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        match frame(inner, (side, limits), state, rest, heads) {
            Ok(head) => {
                let start = u32::try_from(at).unwrap_or(u32::MAX);
                heads.push(Head { start, ..head });
                at = at.saturating_add(head.frame_bytes as usize);
                *state = ScanState::default();
                if at >= bytes.len() {
                    let need = FIXED_BYTES;
                    return Ok(Scanned { consumed: at, need });
                }
            }
            Err(Hold::Need(need)) => {
                let need = need.max(rest.len().saturating_add(1));
                return Ok(Scanned { consumed: at, need });
            }
            Err(Hold::Wrong(malformed)) => {
                let offset = at.saturating_add(malformed.at.min(rest.len()));
                return Err(Malformed::new(offset, malformed.reason));
            }
        }
    }
}

/// The frame at the beginning of `rest`; `heads` is only borrowed for room.
fn frame(
    inner: &dyn Codec,
    (side, limits): (Side, &Limits),
    state: &mut ScanState,
    rest: &[u8],
    heads: &mut Vec<Head>,
) -> Result<Head, Hold> {
    let header = Header::read(rest).map_err(|error| match error {
        HeaderError::Need(bytes) => Hold::Need(bytes),
        HeaderError::Wrong(at, reason) => Hold::Wrong(Malformed::new(at, reason)),
    })?;
    let kind = kind_of(&header, side)?;
    let frame_bytes = header.frame_bytes as usize;
    if header.body_bytes() > limits.frame_bytes_max as usize {
        let words = format!(
            "a frame of {} bytes, over the limit of {}",
            header.body_bytes(),
            limits.frame_bytes_max
        );
        return Err(Hold::Wrong(Malformed::new(4, words)));
    }
    let head = Head {
        frame_bytes: header.frame_bytes,
        head_bytes: header.frame_bytes,
        id: if header.kind.has_id() {
            ID_SPAN
        } else {
            Span::default()
        },
        id_value: header.id,
        kind,
        more: header.more,
        ..Head::default()
    };
    if header.body_bytes() == 0 {
        return Ok(head);
    }
    let body_at = header.body_at();
    if header.kind == FrameKind::Error {
        // Errors are small and may be of several frames: they pass as they are.
        let small = frame_bytes <= limits.head_bytes_max as usize;
        return match (small, rest.len() >= frame_bytes) {
            (false, _) => Err(Hold::Wrong(Malformed::new(
                4,
                "an error over the head's limit",
            ))),
            (true, false) => Err(Hold::Need(frame_bytes)),
            (true, true) => Ok(head),
        };
    }
    if side == Side::Downstream && rest.len() >= frame_bytes {
        // Whoever takes the request out looks into it.
        return Ok(head);
    }
    let there = rest
        .get(body_at..frame_bytes.min(rest.len()))
        .unwrap_or_default();
    let found = one(inner, (side, limits), &header, (there, state), heads)?;
    within(&header, &found, head).map_err(Hold::Wrong)
}

/// The one native frame of a body of which `there` has come.
fn one(
    inner: &dyn Codec,
    (side, limits): (Side, &Limits),
    header: &Header,
    (there, state): (&[u8], &mut ScanState),
    heads: &mut Vec<Head>,
) -> Result<Head, Hold> {
    let (body_at, body_bytes) = (header.body_at(), header.body_bytes());
    let before = heads.len();
    let scanned = inner.scan(side, limits, state, there, heads);
    let found = heads.get(before).copied();
    let count = heads.len().saturating_sub(before);
    heads.truncate(before);
    let wrong = |at: usize, reason: std::borrow::Cow<'static, str>| {
        Hold::Wrong(Malformed::new(body_at.saturating_add(at), reason))
    };
    let scanned = scanned.map_err(|malformed| wrong(malformed.at, malformed.reason))?;
    match found {
        Some(found) if count == 1 && found.frame_bytes as usize == body_bytes => Ok(found),
        Some(found) => {
            let bytes = found.frame_bytes;
            let words = format!("a body of {body_bytes} bytes around a frame of {bytes}");
            Err(wrong(0, words.into()))
        }
        None if there.len() >= body_bytes => {
            Err(wrong(there.len(), "the body ends inside its frame".into()))
        }
        None => {
            let need = there.len().saturating_add(1).max(scanned.need);
            Err(Hold::Need(body_at.saturating_add(need.min(body_bytes))))
        }
    }
}

/// The native request in a frame that was found, and its head.
pub(crate) fn look<'a>(
    inner: &dyn Codec,
    limits: &Limits,
    header: &Header,
    frame: &'a [u8],
    room: &mut Vec<Head>,
) -> Result<(Head, &'a [u8]), Malformed> {
    let body = frame.get(header.body_at()..).unwrap_or_default();
    let mut state = ScanState::default();
    let side = Side::Downstream;
    let found = one(inner, (side, limits), header, (body, &mut state), room);
    let found = found.map_err(|hold| match hold {
        Hold::Need(at) => Malformed::new(at, "the head of the native frame is cut off"),
        Hold::Wrong(malformed) => malformed,
    })?;
    within(header, &found, found).map(|_| (found, body))
}

/// The head of a hop frame around the frame of `found`.
///
/// # Errors
/// Where that does not belong there.
fn within(header: &Header, found: &Head, head: Head) -> Result<Head, Malformed> {
    let expected = match header.kind {
        FrameKind::Request => Kind::Request,
        FrameKind::OneWay => Kind::OneWay,
        _ => Kind::Answer,
    };
    let body_at = u32::try_from(header.body_at()).unwrap_or(u32::MAX);
    if found.kind != expected {
        let words = format!("{:?} inside {:?}", found.kind, header.kind);
        return Err(Malformed::new(header.body_at(), words));
    }
    Ok(Head {
        head_bytes: found
            .head_bytes
            .saturating_add(body_at)
            .min(head.frame_bytes),
        method: shift(found.method, body_at),
        cut: found.cut,
        effect: found.effect,
        exclusive: found.exclusive,
        notes: found.notes,
        ..head
    })
}

fn shift(span: Span, by: u32) -> Span {
    if span.is_empty() {
        return Span::default();
    }
    Span::new(span.start.saturating_add(by), span.len)
}

/// The native frame in a hop frame, and its head as far as the hop's tells it: all but the id.
pub(crate) fn inner_of<'a>(
    header: &Header,
    head: &Head,
    frame: &'a [u8],
) -> Option<(Head, &'a [u8])> {
    let body_at = u32::try_from(header.body_at()).ok()?;
    let body = frame.get(header.body_at()..)?;
    let method = match head.method.is_empty() {
        true => Span::default(),
        false => Span::new(head.method.start.checked_sub(body_at)?, head.method.len),
    };
    let inner = Head {
        start: 0,
        frame_bytes: head.frame_bytes.checked_sub(body_at)?,
        head_bytes: head.head_bytes.checked_sub(body_at)?,
        id: Span::default(),
        id_value: 0,
        method,
        ..*head
    };
    Some((inner, body))
}

/// What a frame is to the engine; which kinds come from which side.
fn kind_of(header: &Header, side: Side) -> Result<Kind, Hold> {
    let kind = match (header.kind, side) {
        (FrameKind::Request, Side::Downstream) => Kind::Request,
        (FrameKind::OneWay, Side::Downstream) => Kind::OneWay,
        (FrameKind::Cancel, Side::Downstream) => Kind::Cancel,
        (FrameKind::Ping, Side::Downstream) => Kind::Ping,
        (FrameKind::Answer | FrameKind::Error, Side::Upstream) => Kind::Answer,
        (FrameKind::GoAway, Side::Upstream) => Kind::GoAway,
        (FrameKind::Pong, Side::Upstream) => Kind::Pong,
        (kind, _) => {
            let words = format!("{kind:?} comes from the other side");
            return Err(Hold::Wrong(Malformed::new(16, words)));
        }
    };
    Ok(kind)
}

/// The error that an error frame carries.
pub(crate) fn error_of(header: &Header) -> Option<ProxyError> {
    ProxyError::ALL.get(usize::from(header.detail)).copied()
}

/// The number of an error in a header.
pub(crate) fn number_of(error: ProxyError) -> u8 {
    let place = ProxyError::ALL.iter().position(|one| *one == error);
    place
        .and_then(|place| u8::try_from(place).ok())
        .unwrap_or(u8::MAX)
}
