//! Fourth check: what the codec says is of its protocol, and carries the caller's id.

use super::{Proof, Vector, decode::only_head};
use crate::{Asked, Codec, Effect, Head, Kind, Limits, ProxyError, Say, Side, Verdict};

const CHECK: &str = "replies";

impl Proof<'_> {
    /// Says every proxy error to every request vector, a pong to every ping vector, a local
    /// answer where the head asks for it, and whatever else the traits promise.
    pub fn check_replies(&mut self) {
        for file in &self.files {
            for vector in &file.frames {
                match replies(self.codec, &self.limits, vector) {
                    Ok(said) => self.report.replies += said,
                    Err(what) => self
                        .failures
                        .add(CHECK, format!("{} `{}`: {what}", file.name, vector.name)),
                }
            }
        }
        match unasked(self.codec, &self.limits) {
            Ok(said) => self.report.replies += said,
            Err(what) => self.failures.add(CHECK, what),
        }
    }
}

fn replies(codec: &dyn Codec, limits: &Limits, vector: &Vector) -> Result<u64, String> {
    let head = only_head(codec, limits, vector.side, &vector.bytes)?;
    let mut asked = Asked::default();
    codec.remember(&head, &vector.bytes, &mut asked);
    let says = codec.traits().says;
    let mut said = 0;
    if head.kind == Kind::Request && vector.side == Side::Downstream {
        for error in ProxyError::ALL {
            let words = format!("weft: {}", error.words());
            let what = Say::Error {
                error,
                words: &words,
                asked: &asked,
            };
            if vector.quiet != Some(false) && says_nothing(codec, &what) {
                said += 1;
                continue;
            }
            if vector.quiet == Some(true) {
                return Err(format!("{what:?}: said to a quiet request"));
            }
            let Some((answer, bytes)) =
                said_frame(codec, limits, Side::Upstream, &what, says.error)?
            else {
                continue;
            };
            answers(&answer, &head, Kind::Answer)?;
            if codec.classify(&answer, &bytes) == Verdict::Ok {
                return Err(format!("{error:?} is classified as a good answer"));
            }
            said += 1;
        }
        let local = matches!(head.effect, Effect::Local | Effect::Reset | Effect::Quit);
        let what = Say::Local { asked: &asked };
        if local && let Some((answer, _)) = said_frame(codec, limits, Side::Upstream, &what, true)?
        {
            answers(&answer, &head, Kind::Answer)?;
            said += 1;
        }
    }
    said += farewell(codec, limits, (&head, &asked))?;
    if head.kind == Kind::Ping {
        let side = match vector.side {
            Side::Downstream => Side::Upstream,
            Side::Upstream => Side::Downstream,
        };
        let what = Say::Pong { asked: &asked };
        if let Some((pong, _)) = said_frame(codec, limits, side, &what, says.pong)? {
            answers(&pong, &head, Kind::Pong)?;
            said += 1;
        }
    }
    Ok(said)
}

/// What a request that opens a tunnel lets the mesh say last: perhaps nothing, also where the
/// traits promise farewells.
fn farewell(
    codec: &dyn Codec,
    limits: &Limits,
    (head, opening): (&Head, &Asked),
) -> Result<u64, String> {
    if head.effect != Effect::Tunnel {
        return Ok(0);
    }
    let what = Say::Farewell { opening };
    let can = codec.say(&what, &mut Vec::new()).is_ok();
    if can && !codec.traits().says.farewell {
        return Err(format!("{what:?}: said, though the traits deny it"));
    }
    match said_frame(codec, limits, Side::Upstream, &what, can)? {
        Some((frame, _)) if frame.kind != Kind::GoAway => {
            Err(format!("{what:?} decodes as {:?}", frame.kind))
        }
        frame => Ok(u64::from(frame.is_some())),
    }
}

fn answers(answer: &Head, request: &Head, kind: Kind) -> Result<(), String> {
    if answer.kind != kind {
        return Err(format!("the reply decodes as {:?}", answer.kind));
    }
    if answer.id_value != request.id_value {
        let (got, asked) = (answer.id_value, request.id_value);
        return Err(format!("the reply carries id {got}, the request {asked}"));
    }
    Ok(())
}

/// What needs no request: pings, cancels and go-aways.
fn unasked(codec: &dyn Codec, limits: &Limits) -> Result<u64, String> {
    let traits = codec.traits();
    let id = traits.ids.map_or(0, |ids| ids.wire_first);
    let sayings = [
        (
            Say::Ping { id },
            Side::Downstream,
            Kind::Ping,
            traits.says.ping,
        ),
        (
            Say::Cancel { id },
            Side::Downstream,
            Kind::Cancel,
            traits.says.cancel,
        ),
        (
            Say::GoAway,
            Side::Upstream,
            Kind::GoAway,
            traits.says.go_away,
        ),
    ];
    let mut said = 0;
    for (what, side, kind, promised) in sayings {
        let Some((head, _)) = said_frame(codec, limits, side, &what, promised)? else {
            continue;
        };
        if head.kind != kind {
            return Err(format!("{what:?} decodes as {:?}", head.kind));
        }
        if traits.ids.is_some() && kind != Kind::GoAway && head.id_value != id {
            return Err(format!("{what:?} decodes with id {}", head.id_value));
        }
        said += 1;
    }
    Ok(said)
}

/// Whether the codec has nothing to say to a caller that asked to hear of something else only.
fn says_nothing(codec: &dyn Codec, what: &Say<'_>) -> bool {
    let mut out = Vec::new();
    codec.say(what, &mut out).is_ok() && out.is_empty()
}

/// Says it, holds the codec to its traits, and decodes what was said.
fn said_frame(
    codec: &dyn Codec,
    limits: &Limits,
    side: Side,
    what: &Say<'_>,
    promised: bool,
) -> Result<Option<(Head, Vec<u8>)>, String> {
    let mut out = Vec::new();
    match (codec.say(what, &mut out), promised) {
        (Ok(()), true) => {
            let head = only_head(codec, limits, side, &out)
                .map_err(|wrong| format!("{what:?} does not decode: {wrong}"))?;
            Ok(Some((head, out)))
        }
        (Err(_), false) if out.is_empty() => Ok(None),
        (Err(_), false) => Err(format!("{what:?}: cannot be said, but bytes were written")),
        (Ok(()), false) => Err(format!("{what:?}: said, though the traits deny it")),
        (Err(_), true) => Err(format!("{what:?}: not said, though the traits promise it")),
    }
}
