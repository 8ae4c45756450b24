//! Answers that the mesh gives itself: what is remembered of a request, and the words.
//!
//! Written by `remember`, read by `say`. Knows no frames.

use weft_codec::{Asked, CannotSay, Say};

/// Which answer of its own the mesh gives to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Local {
    /// The command concerns only the connection to the mesh.
    Ok,
    /// The connection is as new.
    Reset,
    /// `CLIENT MAINT_NOTIFICATIONS`: the client goes on without, as with an older Redis.
    NoMaintenance,
    /// Replication is no request and answer: after `PSYNC` come bytes that are not RESP.
    NoReplication,
    /// `WAIT` speaks of the earlier writes of one connection, which a mesh spreads over lanes.
    NoWait,
}

impl Local {
    const ALL: [Self; 5] = [
        Self::Ok,
        Self::Reset,
        Self::NoMaintenance,
        Self::NoReplication,
        Self::NoWait,
    ];

    /// The whole answer.
    const fn words(self) -> &'static [u8] {
        match self {
            Self::Ok => b"+OK\r\n",
            Self::Reset => b"+RESET\r\n",
            Self::NoMaintenance => {
                b"-ERR weft: unknown subcommand 'MAINT_NOTIFICATIONS': the mesh itself follows maintenance\r\n"
            }
            Self::NoReplication => {
                b"-ERR weft: replication cannot be relayed, connect to the server itself\r\n"
            }
            Self::NoWait => {
                b"-ERR weft: WAIT speaks of the writes of one connection, which the mesh shares\r\n"
            }
        }
    }

    /// Notes which answer it is: one byte.
    pub(crate) fn remember(self, asked: &mut Asked) {
        asked.bytes.push(self as u8);
    }

    fn remembered(asked: &Asked) -> Option<Self> {
        let number = asked.bytes.first()?;
        Self::ALL.get(usize::from(*number)).copied()
    }
}

/// Appends what the mesh says.
///
/// # Errors
/// [`CannotSay`]: RESP has no words of a server's own accord, and no ids.
pub(crate) fn say(what: &Say<'_>, out: &mut Vec<u8>) -> Result<(), CannotSay> {
    match what {
        Say::Error { words, .. } => {
            out.extend_from_slice(b"-ERR ");
            // A line break would end the answer early and let the rest pass for another.
            out.extend(words.bytes().map(|byte| match byte {
                b'\r' | b'\n' => b' ',
                other => other,
            }));
            out.extend_from_slice(b"\r\n");
            Ok(())
        }
        Say::Local { asked } => {
            let local = Local::remembered(asked).ok_or(CannotSay)?;
            out.extend_from_slice(local.words());
            Ok(())
        }
        Say::Pong { .. }
        | Say::Ping { .. }
        | Say::GoAway
        | Say::Farewell { .. }
        | Say::Cancel { .. } => Err(CannotSay),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weft_codec::ProxyError;

    #[test]
    fn every_local_answer_is_remembered() {
        for local in Local::ALL {
            let mut asked = Asked::default();
            local.remember(&mut asked);
            assert_eq!(Local::remembered(&asked), Some(local));
        }
    }

    #[test]
    fn an_error_stays_one_line_whatever_its_words_are() {
        let mut out = Vec::new();
        let asked = Asked::default();
        say(
            &Say::Error {
                error: ProxyError::NoRoute,
                words: "weft: no route\r\n+OK",
                asked: &asked,
            },
            &mut out,
        )
        .unwrap();
        assert_eq!(out, b"-ERR weft: no route  +OK\r\n");
    }

    #[test]
    fn what_cannot_be_said_appends_nothing() {
        let mut out = Vec::new();
        let asked = Asked::default();
        for what in [
            Say::GoAway,
            Say::Ping { id: 1 },
            Say::Cancel { id: 1 },
            Say::Pong { asked: &asked },
            Say::Local { asked: &asked },
        ] {
            assert_eq!(say(&what, &mut out), Err(CannotSay));
        }
        assert!(out.is_empty());
    }
}
