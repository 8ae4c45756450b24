//! Captured traffic: pcap and pcapng files become conversations, each the bytes of one TCP
//! connection in both directions. Knows no protocol above TCP.
//!
//! A crate of its own, so that a fuzzer reaches it. Modules stand in the order in which a file is
//! read.

mod file;
mod packet;

mod conversation;
pub use conversation::{Conversation, Direction, Missing, Run};

mod assemble;
mod flow;

#[cfg(test)]
mod tests;

use anyhow::Context;

/// Reads a capture; `server_port` says which side is the server where the capture does not.
///
/// # Errors
/// Bytes that are neither pcap nor pcapng, or a capture without TCP.
pub fn read(bytes: &[u8], server_port: Option<u16>) -> anyhow::Result<Captured> {
    let mut flows = flow::Flows::new(server_port);
    let mut ignored = file::Ignored::default();
    file::packets(bytes, &mut ignored, |packet, ignored| {
        if let Some(segment) = packet::segment(packet, ignored) {
            flows.take(segment);
        }
    })
    .context("the capture cannot be read")?;
    let conversations = flows.finish(&mut ignored);
    if conversations.is_empty() {
        let port = server_port.map_or(String::new(), |port| {
            format!(" with a server at port {port}")
        });
        anyhow::bail!(
            "the capture has {} packets, but no bytes of a TCP connection{port}",
            ignored.packets
        );
    }
    Ok(Captured {
        conversations,
        notes: ignored.notes(),
    })
}

/// Whether a file is a capture, by its first four bytes.
#[must_use]
pub fn is_capture(bytes: &[u8]) -> bool {
    matches!(
        bytes.first_chunk(),
        Some(
            [0xa1, 0xb2, 0xc3, 0xd4]
                | [0xd4, 0xc3, 0xb2, 0xa1]
                | [0xa1, 0xb2, 0x3c, 0x4d]
                | [0x4d, 0x3c, 0xb2, 0xa1]
                | [0x0a, 0x0d, 0x0d, 0x0a]
        )
    )
}

/// What a capture holds.
#[derive(Debug)]
pub struct Captured {
    /// One for each connection, in the order of their first packets.
    pub conversations: Vec<Conversation>,
    /// What of the capture was left out, in words.
    pub notes: Vec<String>,
}
