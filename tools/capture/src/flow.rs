//! Connections: which segments belong together, and which side is the server.

use std::collections::HashMap;
use std::net::SocketAddr;

use crate::assemble::Assembler;
use crate::conversation::Conversation;
use crate::file::Ignored;
use crate::packet::Segment;

/// The most connections that are kept.
const FLOWS_MAX: usize = 65_536;

/// All connections of a capture.
#[derive(Debug)]
pub(crate) struct Flows {
    server_port: Option<u16>,
    /// By both addresses, the smaller first: the connection that uses them now.
    open: HashMap<(SocketAddr, SocketAddr), usize>,
    flows: Vec<Flow>,
    over: u32,
}

/// One connection.
#[derive(Debug)]
struct Flow {
    /// Who sent the first segment.
    first: SocketAddr,
    second: SocketAddr,
    client: Option<SocketAddr>,
    from_first: Assembler,
    from_second: Assembler,
}

impl Flow {
    fn assembler(&mut self, of: SocketAddr) -> (&mut Assembler, &mut Assembler) {
        if of == self.first {
            (&mut self.from_first, &mut self.from_second)
        } else {
            (&mut self.from_second, &mut self.from_first)
        }
    }
}

impl Flows {
    /// No connections yet. With a port, only connections to it are kept.
    pub(crate) fn new(server_port: Option<u16>) -> Self {
        Self {
            server_port,
            open: HashMap::new(),
            flows: Vec::new(),
            over: 0,
        }
    }

    /// Takes the next segment of the capture.
    pub(crate) fn take(&mut self, segment: Segment) {
        let (from, to) = (segment.from, segment.to);
        if let Some(port) = self.server_port
            && from.port() != port
            && to.port() != port
        {
            return;
        }
        let key = (from.min(to), from.max(to));
        let asks = segment.syn && segment.acknowledges.is_none();
        let known = self.open.get(&key).copied().filter(|index| {
            let flow = self.flows.get_mut(*index);
            // The same addresses may be used for another connection later.
            flow.is_some_and(|flow| !asks || !flow.assembler(from).0.begins_anew(segment.sequence))
        });
        let index = match known {
            Some(index) => index,
            None if self.flows.len() >= FLOWS_MAX => {
                self.over = self.over.saturating_add(1);
                return;
            }
            None => {
                self.flows.push(Flow {
                    first: from,
                    second: to,
                    client: None,
                    from_first: Assembler::default(),
                    from_second: Assembler::default(),
                });
                let index = self.flows.len().saturating_sub(1);
                self.open.insert(key, index);
                index
            }
        };
        let Some(flow) = self.flows.get_mut(index) else {
            return;
        };
        if segment.syn {
            flow.client = Some(if asks { from } else { to });
        }
        let (own, other) = flow.assembler(from);
        if let Some(sequence) = segment.acknowledges {
            other.acknowledge(sequence);
        }
        own.take(segment);
    }

    /// The conversations, in the order of their first segments.
    pub(crate) fn finish(self, ignored: &mut Ignored) -> Vec<Conversation> {
        let server_port = self.server_port;
        ignored.over = self.over;
        let mut conversations = Vec::new();
        for flow in self.flows {
            if flow.from_first.is_empty() && flow.from_second.is_empty() {
                ignored.empty = ignored.empty.saturating_add(1);
                continue;
            }
            conversations.push(conversation(flow, server_port));
        }
        conversations
    }
}

fn conversation(flow: Flow, server_port: Option<u16>) -> Conversation {
    let mut notes = Vec::new();
    let client = client(&flow, server_port, &mut notes);
    let (client, server, down, up) = if client == flow.first {
        (flow.first, flow.second, flow.from_first, flow.from_second)
    } else {
        (flow.second, flow.first, flow.from_second, flow.from_first)
    };
    let downstream = down.finish(&mut notes);
    let upstream = up.finish(&mut notes);
    let inside = [&downstream, &upstream]
        .iter()
        .any(|direction| direction.runs.first().is_some_and(|run| run.inside));
    if inside {
        notes.push(
            "the capture begins inside this connection: its first bytes may lie inside a frame"
                .to_owned(),
        );
    }
    Conversation {
        name: format!("{client} → {server}"),
        notes,
        downstream,
        upstream,
    }
}

/// Who is the client: the side that asked for the connection, or the one that does not listen.
fn client(flow: &Flow, server_port: Option<u16>, notes: &mut Vec<String>) -> SocketAddr {
    if let Some(port) = server_port {
        return if flow.second.port() == port {
            flow.first
        } else {
            flow.second
        };
    }
    if let Some(client) = flow.client {
        return client;
    }
    let (client, server) = if flow.first.port() >= flow.second.port() {
        (flow.first, flow.second)
    } else {
        (flow.second, flow.first)
    };
    notes.push(format!(
        "who asked for the connection was not captured; {server} is taken for the server, as \
         its port is the smaller one (`--port` says another)"
    ));
    client
}
