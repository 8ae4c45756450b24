//! A listener of several protocols: a client's first bytes, or its silence, decide which of them
//! it speaks. From then on it is a client of that protocol like any other.
//!
//! Until then its listener counts as raw, so that clients of one protocol pay nothing for this,
//! and what it sent is kept like an unfinished frame: under the head timeout, and bounded.

use std::rc::Rc;

use weft_codec::{Choice, Codec, choose};

use crate::client::ClientKey;
use crate::hop;
use crate::listener::ListenerRun;
use crate::{CloseCause, ConnId, Engine, Nanos};

/// How many of the first bytes are shown when nobody knows them.
const SHOWN_BYTES: usize = 16;

impl Engine {
    /// Takes bytes of a client whose protocol is not known yet.
    pub(crate) fn sniff_client(&mut self, key: ClientKey, bytes: &[u8]) {
        let Some(client) = self.clients.get(key) else {
            return;
        };
        let is_new = client.partial.is_empty();
        self.keep_partial(key, bytes, 0, is_new);
        let Some(client) = self.clients.get_mut(key) else {
            return;
        };
        if client.partial.len() < client.need {
            return;
        }
        let listener = Rc::clone(&client.listener);
        let codecs = listener
            .branches
            .iter()
            .map(|run| &*run.codec as &dyn Codec);
        let choice = match listener.branches.first() {
            Some(first) if first.hop.is_some() => hop::choose(&client.partial),
            _ => choose(codecs, &client.partial),
        };
        // A codec that panicked over them has said no.
        self.panics.take();
        match choice {
            Choice::Is(index) => self.take_branch(key, listener.branches.get(index)),
            Choice::Need(bytes) => {
                if let Some(client) = self.clients.get_mut(key) {
                    client.need = bytes;
                }
            }
            Choice::Nothing => self.refuse_unknown(key, &listener),
        }
    }

    /// The client's protocol is known: what it has sent is read by it.
    fn take_branch(&mut self, key: ClientKey, branch: Option<&Rc<ListenerRun>>) {
        let (Some(client), Some(branch)) = (self.clients.get_mut(key), branch) else {
            return;
        };
        client.listener = Rc::clone(branch);
        client.need = 0;
        if branch.hop.is_some() && self.draining.is_some() {
            self.say_go_away(key);
        }
        if branch.is_eager() {
            self.bind_early(key);
        }
        let Some(client) = self.clients.get_mut(key) else {
            return;
        };
        if client.is_raw() {
            let kept = std::mem::take(&mut client.partial);
            self.client_bytes_again(key, kept);
        } else if !client.partial.is_empty() {
            self.scan_partial(key);
        }
        self.arm_client(key);
    }

    /// A client of whom nothing is known goes on under another listener of its name.
    pub(crate) fn go_on_undecided(&mut self, key: ClientKey, listener: &Rc<ListenerRun>) {
        if listener.is_undecided() {
            if let Some(client) = self.clients.get_mut(key) {
                client.listener = Rc::clone(listener);
                client.need = 0;
            }
            self.arm_client(key);
        } else {
            self.take_branch(key, Some(listener));
        }
    }

    fn client_bytes_again(&mut self, key: ClientKey, kept: Vec<u8>) {
        if !kept.is_empty() {
            self.relay_raw_request(key, crate::buffer::Piece::Slice(&kept));
        }
        self.spares.put(kept);
    }

    fn refuse_unknown(&mut self, key: ClientKey, listener: &ListenerRun) {
        let Some(client) = self.clients.get(key) else {
            return;
        };
        let first = client.partial.get(..SHOWN_BYTES).unwrap_or(&client.partial);
        let tried: Vec<&str> = listener
            .branches
            .iter()
            .map(|run| run.codec.name())
            .collect();
        let text = format!(
            "listener {}: the first bytes `{}` are of none of {}; the client is closed",
            listener.listener.name,
            first.escape_ascii(),
            tried.join(", ")
        );
        self.counters.malformed[0] += 1;
        self.report(ConnId::of_client(key), text);
        self.close_client_when_done(key, CloseCause::Malformed);
    }

    /// When a silent client's protocol is decided by its silence.
    pub(crate) fn silence_ends(&self, key: ClientKey) -> Option<Nanos> {
        let client = self.clients.get(key)?;
        let sniff = client.listener.listener.sniff.as_ref()?;
        let silent = client.listener.is_undecided() && client.partial.is_empty();
        sniff.server_first.filter(|_| silent)?;
        Some(client.accepted.after(sniff.timeout))
    }

    /// Takes the branch of silent clients, if this one was silent for long enough.
    pub(crate) fn decide_by_silence(&mut self, key: ClientKey) -> bool {
        let now = self.now.monotonic;
        if self.silence_ends(key).is_none_or(|at| at > now) {
            return false;
        }
        let Some(client) = self.clients.get(key) else {
            return false;
        };
        let listener = Rc::clone(&client.listener);
        let sniff = listener.listener.sniff.as_ref();
        let index = sniff.and_then(|sniff| sniff.server_first);
        let branch = index.and_then(|index| listener.branches.get(index));
        self.take_branch(key, branch);
        branch.is_some()
    }
}
