//! Whether an answer is the one that was asked for.
//!
//! Every answer of every run goes through here. Pure: bytes in, verdict out.

use super::stamp::{Filling, STAMP_BYTES, Stamp};
use crate::wire::{Answer, Outcome};

/// What stands for one request's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict<'a> {
    /// It is right, and this backend says it wrote it (empty where none says so).
    Right(&'a [u8]),
    /// The value is gone (Redis).
    Missing,
    /// An error in a backend's words.
    ApplicationError,
    /// An error in a proxy's words.
    ProxyError,
    /// It is not the answer to this request.
    Wrong(Wrong),
}

/// What is wrong about an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    /// It belongs to another request.
    Another(Stamp),
    /// Its body is not the one that was sent.
    Body,
    /// It names another method.
    Method,
    /// It should be a plain word of success.
    NotStored,
}

/// How the bodies of a run are made.
#[derive(Debug)]
pub(super) struct Bodies {
    /// What tells this run's stamps from any other's.
    pub(super) seed: u64,
    /// What follows the stamps.
    pub(super) filling: Filling,
}

impl Bodies {
    /// Judges the answer to a request of this method whose body began with `stamp`.
    pub(super) fn judge<'a>(&self, answer: &Answer<'a>, stamp: Stamp, method: &str) -> Verdict<'a> {
        match answer.outcome {
            Outcome::Nothing => return Verdict::Missing,
            Outcome::ProxyError => return Verdict::ProxyError,
            Outcome::ApplicationError => {
                return match self.foreign(answer.payload, stamp) {
                    Some(other) => Verdict::Wrong(Wrong::Another(other)),
                    None => Verdict::ApplicationError,
                };
            }
            Outcome::Ok => {}
        }
        if !answer.method.is_empty() && answer.method != method.as_bytes() {
            return Verdict::Wrong(Wrong::Method);
        }
        match self.tail(answer.payload, stamp) {
            Some([]) => Verdict::Right(answer.backend),
            Some([b'@', backend @ ..]) => Verdict::Right(backend),
            Some(_) => Verdict::Wrong(Wrong::Body),
            None => Verdict::Wrong(match self.foreign(answer.payload, stamp) {
                Some(other) => Wrong::Another(other),
                None => Wrong::Body,
            }),
        }
    }

    /// Judges the answer to a request that stores a value.
    pub(super) fn judge_stored<'a>(&self, answer: &Answer<'a>) -> Verdict<'a> {
        match answer.outcome {
            Outcome::Ok if answer.payload == b"OK" => Verdict::Right(b""),
            Outcome::Ok | Outcome::Nothing => Verdict::Wrong(Wrong::NotStored),
            Outcome::ApplicationError => Verdict::ApplicationError,
            Outcome::ProxyError => Verdict::ProxyError,
        }
    }

    /// What follows the body in `payload`, if it begins with the body of `stamp`.
    fn tail<'a>(&self, payload: &'a [u8], stamp: Stamp) -> Option<&'a [u8]> {
        let (text, rest) = payload.split_at_checked(STAMP_BYTES)?;
        if text != stamp.text(self.seed) {
            return None;
        }
        rest.strip_prefix(self.filling.of(stamp))
    }

    fn foreign(&self, payload: &[u8], stamp: Stamp) -> Option<Stamp> {
        Stamp::read(payload, self.seed).filter(|other| *other != stamp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAMP: Stamp = Stamp {
        client: 3,
        sequence: 9,
    };

    fn bodies() -> Bodies {
        Bodies {
            seed: 5,
            filling: Filling::new(64, 5),
        }
    }

    fn body(stamp: Stamp) -> Vec<u8> {
        let bodies = bodies();
        [&stamp.text(5)[..], bodies.filling.of(stamp)].concat()
    }

    fn answer(outcome: Outcome, payload: &[u8]) -> Answer<'_> {
        Answer {
            frame_bytes: 0,
            id: None,
            outcome,
            method: b"echo",
            payload,
            backend: b"meta",
        }
    }

    fn judge(outcome: Outcome, payload: &[u8]) -> Verdict<'_> {
        bodies().judge(&answer(outcome, payload), STAMP, "echo")
    }

    #[test]
    fn the_own_body_is_right_with_the_backends_name_behind_it_or_beside_it() {
        let mut payload = body(STAMP);
        assert_eq!(judge(Outcome::Ok, &payload), Verdict::Right(b"meta"));
        payload.extend_from_slice(b"@b1");
        assert_eq!(judge(Outcome::Ok, &payload), Verdict::Right(b"b1"));
    }

    #[test]
    fn anothers_body_is_wrong_and_named_even_inside_an_error() {
        let other = Stamp { client: 4, ..STAMP };
        let expected = Verdict::Wrong(Wrong::Another(other));
        assert_eq!(judge(Outcome::Ok, &body(other)), expected);
        assert_eq!(judge(Outcome::ApplicationError, &body(other)), expected);
    }

    #[test]
    fn one_changed_byte_anywhere_is_wrong() {
        for place in 0..64 {
            let mut payload = body(STAMP);
            payload[place] ^= 1;
            let verdict = judge(Outcome::Ok, &payload);
            assert_eq!(verdict, Verdict::Wrong(Wrong::Body), "byte {place}");
        }
    }

    #[test]
    fn a_short_body_a_long_one_and_another_method_are_wrong() {
        let mut payload = body(STAMP);
        let whole = answer(Outcome::Ok, &payload);
        let verdict = bodies().judge(&whole, STAMP, "get");
        assert_eq!(verdict, Verdict::Wrong(Wrong::Method));
        let wrong = Verdict::Wrong(Wrong::Body);
        assert_eq!(judge(Outcome::Ok, &payload[..63]), wrong);
        payload.push(b'x');
        assert_eq!(judge(Outcome::Ok, &payload), wrong);
    }

    #[test]
    fn errors_are_told_apart_by_who_said_them() {
        assert_eq!(
            judge(Outcome::ApplicationError, b"no"),
            Verdict::ApplicationError
        );
        assert_eq!(judge(Outcome::ProxyError, b"weft: no"), Verdict::ProxyError);
    }
}
