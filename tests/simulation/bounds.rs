//! Bounds of memory, which hold at every moment that is looked at, in every scenario.
//!
//! They are computed from the settings of the proxy and from what actors may send, with the
//! least slack that the design allows: a limit is checked before a frame is taken, so one frame
//! and one read may lie above it.

use weft_codec::Limits;
use weft_engine::{Settings, Snapshot};

use crate::plan::Plan;
use crate::proxy::READS_PER_EVENT;

/// What one proxy may hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds<'a> {
    /// The proxy's settings.
    pub(crate) settings: &'a Settings,
    /// One read of its shell.
    pub(crate) read_bytes: usize,
    /// The longest frame that anybody sends.
    pub(crate) frame_bytes: usize,
    /// Bounds of frames.
    pub(crate) limits: Limits,
}

/// The longest frame of a plan, heads included.
pub(crate) fn frame_bytes(plan: &Plan) -> usize {
    let clients = plan.clients.iter().map(|c| {
        let large = if c.large_permille > 0 { c.large.1 } else { 0 };
        let garbage = c.garbage.as_ref().map_or(0, |(bytes, _, _)| bytes.len());
        (c.body.1.max(large) as usize).max(garbage)
    });
    let backends = plan.backends.iter().map(|b| {
        let large = if b.large_permille > 0 { b.large.1 } else { 0 };
        b.body.1.max(large) as usize
    });
    clients.chain(backends).max().unwrap_or(0) + 1_000
}

impl Bounds<'_> {
    /// The first bound that does not hold.
    pub(crate) fn broken(&self, now: &Snapshot) -> Option<String> {
        self.of_all(now)
            .or_else(|| self.of_clients(now))
            .or_else(|| self.of_lanes(now))
    }

    fn of_all(&self, now: &Snapshot) -> Option<String> {
        let settings = self.settings;
        // An answer that is taken when the sum is just below its limit is taken whole, and so is
        // one for a client that has read everything.
        let answers = settings.answer_bytes_max + (now.clients.len() + 1) * self.piece();
        // Those that were shed stay until their error's turn has come, and are few per client.
        let on_lanes: u32 = now.lanes.iter().map(|lane| lane.in_flight).sum();
        let at_work = now.waiting + on_lanes as usize;
        // A client with a lane of its own may always have one.
        let exchanges = settings.exchanges_max + now.clients.iter().filter(|c| c.pinned).count();
        first_over(&[
            ("clients", now.clients.len(), settings.clients_max),
            ("exchanges that wait or are on lanes", at_work, exchanges),
            ("bytes kept", now.kept_bytes, settings.kept_bytes_max),
            ("bytes of answers", now.answer_bytes, answers),
        ])
    }

    fn of_clients(&self, now: &Snapshot) -> Option<String> {
        let settings = self.settings;
        // What lies there is a frame that must be whole, what a read brought behind it, and what
        // the shell read in the turn after which it was told to pause.
        let held = self.frame_bytes + READS_PER_EVENT * self.read_bytes;
        // Beside the largest outbox stand the answers to all that is in flight.
        let outbox = settings
            .ordered_outbox_pause_bytes
            .max(settings.client_outbox_pause_bytes);
        now.clients.iter().find_map(|client| {
            let answers = (client.in_flight as usize + 1) * self.piece();
            let outbox = outbox.max(settings.stream_spill_bytes) + answers;
            first_over(&[
                (
                    "exchanges of a client",
                    client.in_flight as usize,
                    settings.client_in_flight_max as usize,
                ),
                ("bytes held for a client", client.held_bytes, held),
                ("bytes unsent to a client", client.outbox_bytes, outbox),
            ])
        })
    }

    fn of_lanes(&self, now: &Snapshot) -> Option<String> {
        let outbox = self.settings.lane_outbox_pause_bytes + 2 * self.piece();
        now.lanes
            .iter()
            .find_map(|lane| first_over(&[("bytes unsent to a server", lane.outbox_bytes, outbox)]))
    }

    /// The most that is taken at once: a frame up to the cut-through limit, or a longer one that
    /// must be whole, or a read's worth of one that is cut through.
    fn piece(&self) -> usize {
        let cut = self.limits.cut_through_bytes as usize;
        self.frame_bytes.max(cut.min(self.frame_bytes)) + self.read_bytes
    }
}

fn first_over(all: &[(&str, usize, usize)]) -> Option<String> {
    let (what, is, most) = all.iter().find(|(_, is, most)| is > most)?;
    Some(format!("{is} {what}, and no more than {most} may be"))
}
