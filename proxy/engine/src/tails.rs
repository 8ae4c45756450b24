//! Large frames that end in a checksum: it is mended as their last bytes pass.

use std::collections::BTreeMap;

use weft_codec::{Codec as _, Cut, Head, MendedSum, Side, Tail};

use crate::answer::Answer;
use crate::buffer::Piece;
use crate::client::ClientKey;
use crate::exchange::ExchangeKey;
use crate::guard::{Guarded, Panics};
use crate::lane::LaneKey;
use crate::{CloseCause, ConnId, Engine};

/// The frames, by the connection that they come from: at most one for each.
#[derive(Debug, Default)]
pub(crate) struct Tails {
    by_conn: BTreeMap<u64, Tail>,
}

/// What became of a piece.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mended {
    /// The checksum, to go out behind the piece.
    pub(crate) sum: Option<MendedSum>,
    /// The frame came with a wrong checksum, or its codec panicked: what goes out is refused by
    /// whoever verifies it.
    pub(crate) damaged: bool,
}

/// What mends the checksum at the end of a frame that comes in pieces, if it ends in one: `copy`
/// is what went on of `frame`, its beginning.
#[cold]
pub(crate) fn of(
    (codec, side): (&Guarded, Side),
    head: &Head,
    frame: &[u8],
    copy: &[u8],
) -> Option<Tail> {
    let mends = head.cut == Cut::ChecksumTail;
    mends.then(|| codec.tail(side, head, frame, copy)).flatten()
}

impl Tails {
    /// Begins a frame that comes in pieces, with or without a checksum to mend.
    #[inline]
    pub(crate) fn put(&mut self, conn: ConnId, tail: Option<Tail>) {
        match tail {
            Some(tail) => {
                self.by_conn.insert(conn.number(), tail);
            }
            None => self.forget(conn),
        }
    }

    /// Nothing of this connection's frame is to be mended any more.
    #[inline]
    pub(crate) fn forget(&mut self, conn: ConnId) {
        if !self.by_conn.is_empty() {
            self.by_conn.remove(&conn.number());
        }
    }

    /// Shortens a piece by what it has of the checksum.
    #[inline]
    pub(crate) fn mend(&mut self, conn: ConnId, panics: &Panics, piece: &mut Piece<'_>) -> Mended {
        if self.by_conn.is_empty() {
            return Mended::default();
        }
        self.mend_tail(conn, panics, piece)
    }

    #[cold]
    fn mend_tail(&mut self, conn: ConnId, panics: &Panics, piece: &mut Piece<'_>) -> Mended {
        let Some(tail) = self.by_conn.get_mut(&conn.number()) else {
            return Mended::default();
        };
        let Some(taken) = panics.catch(|| tail.take(piece.bytes())) else {
            self.forget(conn);
            return Mended {
                sum: None,
                damaged: true,
            };
        };
        piece.truncate(taken.pass);
        if taken.sum.is_some() {
            self.forget(conn);
        }
        Mended {
            sum: taken.sum,
            damaged: taken.sum.is_some_and(|sum| !sum.intact),
        }
    }
}

impl Engine {
    /// Prepares to mend the checksum of an answer of which `copied` bytes have gone on.
    #[cold]
    pub(crate) fn begin_tail(
        &mut self,
        (lane, client, exchange): (LaneKey, ClientKey, ExchangeKey),
        answer: Answer<'_>,
        (turn, copied): (bool, usize),
    ) {
        let copy = if turn {
            self.clients
                .get(client)
                .map(|client| client.outbox.last(copied))
        } else {
            let held = self.exchanges.get(exchange);
            held.and_then(|held| held.answer.get(held.answer.len().checked_sub(copied)?..))
        };
        let codec = (answer.codec, Side::Upstream);
        let tail = copy.and_then(|copy| of(codec, answer.head, answer.frame, copy));
        self.tails.put(ConnId::of_lane(lane), tail);
    }

    /// A client's large request had a wrong checksum, and went on with a wrong one.
    #[cold]
    pub(crate) fn damaged_request(&mut self, key: ClientKey) {
        self.panics.take();
        self.counters.malformed[0] += 1;
        let Some(client) = self.clients.get(key) else {
            return;
        };
        let text = format!(
            "listener {}: the checksum at the end of a large request was wrong and still is; the \
             client is closed",
            client.listener.listener.name
        );
        self.report(ConnId::of_client(key), text);
        self.close_client_when_done(key, CloseCause::Malformed);
    }

    /// The same of a server's answer.
    #[cold]
    pub(crate) fn damaged_answer(&mut self, key: LaneKey) {
        self.panics.take();
        self.counters.malformed[1] += 1;
        let text = format!(
            "{}: the checksum at the end of a large answer was wrong and still is; the lane is \
             closed",
            self.lane_name(key)
        );
        self.report(ConnId::of_lane(key), text);
        self.close_lane(key, CloseCause::Malformed);
    }
}
