//! What servers rely on in whoever speaks to them: ids that they have not answered yet do not come
//! again, one request at a time where they say so, logins, cancels.

use weft_codec::{Effect, Kind};

use super::Backend;
use crate::message::{Message, Status};
use crate::network::Socket;
use crate::world::Core;

impl Backend {
    /// Looks at whether the mesh keeps to what the server relies on.
    pub(super) fn examine(&mut self, core: &mut Core, socket: Socket, message: &Message) {
        let Some(peer) = self.peers.get_mut(&socket) else {
            return;
        };
        let (me, conn, nonce) = (self.port, socket.conn, message.nonce);
        if self.plan.strict_ids && message.kind == Kind::Request {
            let id = (message.id, message.id_bytes.clone());
            if !peer.taken.insert(id) {
                core.oracle.wrong(format!(
                    "backend {me} conn {conn}: {nonce:#x} comes under id {} {:?}, which is not answered yet",
                    message.id,
                    message.id_bytes.escape_ascii().to_string()
                ));
            }
        }
        if self.plan.one_at_a_time && peer.working > 0 {
            core.oracle.wrong(format!(
                "backend {me} conn {conn}: {nonce:#x} comes while {} are at work",
                peer.working
            ));
        }
        if self.plan.logins && message.effect != Effect::Facet && message.user != peer.user {
            core.oracle.wrong(format!(
                "backend {me} conn {conn}: {nonce:#x} of user {} on a connection of user {}",
                message.user, peer.user
            ));
        }
    }

    pub(super) fn log_in(
        &mut self,
        core: &mut Core,
        socket: Socket,
        message: &Message,
        status: Status,
    ) {
        if message.effect == Effect::Facet
            && status == Status::Ok
            && let Some(peer) = self.peers.get_mut(&socket)
        {
            core.oracle.logins += 1;
            peer.user = message.user;
        }
    }

    /// Nobody wants the answer to what it works on.
    pub(super) fn cancelled(&mut self, core: &mut Core, socket: Socket, cancel: &Message) {
        core.oracle.cancels += 1;
        if let Some(peer) = self.peers.get_mut(&socket)
            && self.plan.heeds_cancels
        {
            let before = peer.jobs.len();
            let is = |m: &Message| m.id == cancel.id && m.id_bytes == cancel.id_bytes;
            peer.jobs.retain(|job| !is(&job.message));
            peer.working -= before - peer.jobs.len();
        }
    }
}
