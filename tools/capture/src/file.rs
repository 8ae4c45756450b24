//! The file: pcap (both orders of bytes, micro- and nanoseconds) and pcapng, block by block.

use std::io::Cursor;

use anyhow::{anyhow, bail};
use pcap_parser::{Block, Linktype, PcapBlockOwned, PcapError};

/// The most that one packet may have; also the reader's buffer.
const PACKET_BYTES_MAX: usize = 1 << 20;

/// A packet as it was captured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packet<'a> {
    /// Its number in the file, from 1, as other tools count.
    pub(crate) number: u32,
    /// What its bytes begin with.
    pub(crate) link: Linktype,
    pub(crate) bytes: &'a [u8],
}

/// What of a capture was not used.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ignored {
    /// All packets that were seen.
    pub(crate) packets: u32,
    /// Packets that are not TCP over IP.
    pub(crate) other: u32,
    /// Fragments of IP packets, which are not put together.
    pub(crate) fragments: u32,
    /// Packets of which the capture kept only the beginning.
    pub(crate) cut: u32,
    /// Packets of a link type that is not known, and one such type.
    pub(crate) link: Option<(u32, i32)>,
    /// The file ends inside a packet.
    pub(crate) truncated: bool,
    /// Connections that begin and end without a byte.
    pub(crate) empty: u32,
    /// Packets of more connections than are kept.
    pub(crate) over: u32,
}

impl Ignored {
    /// What there is to say of it.
    pub(crate) fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let mut say = |n: u32, what: &str| {
            if n > 0 {
                notes.push(format!("{n} {what}"));
            }
        };
        say(
            self.other,
            "packet(s) that are no TCP over IP were left out",
        );
        say(
            self.fragments,
            "fragment(s) of IP packets were left out: they are not put together",
        );
        say(
            self.cut,
            "packet(s) were cut short by the capture: their ends are missing (record with `-s 0`)",
        );
        say(self.empty, "connection(s) without a byte were left out");
        say(self.over, "packet(s) of further connections were left out");
        if let Some((packets, link)) = self.link {
            notes.push(format!(
                "{packets} packet(s) of link type {link} were left out: Ethernet, raw IP, \
                 loopback and Linux cooked captures can be read"
            ));
        }
        if self.truncated {
            notes.push("the file ends inside a packet".to_owned());
        }
        notes
    }
}

/// Gives every packet of a capture to `each`.
///
/// # Errors
/// Bytes that are no capture, at their offset.
pub(crate) fn packets(
    bytes: &[u8],
    ignored: &mut Ignored,
    mut each: impl FnMut(Packet<'_>, &mut Ignored),
) -> anyhow::Result<()> {
    let mut reader = pcap_parser::create_reader(PACKET_BYTES_MAX, Cursor::new(bytes))
        .map_err(|error| anyhow!(reason(&error)))?;
    let mut links: Vec<Linktype> = Vec::new();
    let mut number = 0u32;
    loop {
        let step = match reader.next() {
            Ok((read, block)) => {
                if let Some((link, bytes)) = packet(&block, &mut links) {
                    number = number.saturating_add(1);
                    ignored.packets = number;
                    each(
                        Packet {
                            number,
                            link,
                            bytes,
                        },
                        ignored,
                    );
                }
                Step::Read(read)
            }
            Err(PcapError::Eof) => Step::End,
            Err(PcapError::Incomplete(_)) => Step::Refill,
            Err(PcapError::UnexpectedEof) => Step::Truncated,
            Err(error) => bail!("after packet {number}: {}", reason(&error)),
        };
        match step {
            Step::Read(read) => reader.consume(read),
            Step::End => return Ok(()),
            Step::Refill if !reader.reader_exhausted() => reader
                .refill()
                .map_err(|error| anyhow!("after packet {number}: {}", reason(&error)))?,
            Step::Refill | Step::Truncated => {
                ignored.truncated = true;
                return Ok(());
            }
        }
    }
}

enum Step {
    Read(usize),
    Refill,
    Truncated,
    End,
}

/// The packet in a block, if there is one. `links` are the interfaces of the section.
fn packet<'a>(
    block: &'a PcapBlockOwned<'_>,
    links: &mut Vec<Linktype>,
) -> Option<(Linktype, &'a [u8])> {
    match block {
        PcapBlockOwned::LegacyHeader(header) => {
            links.clear();
            links.push(header.network);
            None
        }
        PcapBlockOwned::Legacy(packet) => Some((*links.first()?, packet.data)),
        PcapBlockOwned::NG(Block::SectionHeader(_)) => {
            links.clear();
            None
        }
        PcapBlockOwned::NG(Block::InterfaceDescription(interface)) => {
            links.push(interface.linktype);
            None
        }
        PcapBlockOwned::NG(Block::EnhancedPacket(packet)) => {
            let link = *links.get(usize::try_from(packet.if_id).ok()?)?;
            let kept = usize::try_from(packet.caplen).ok()?;
            Some((link, packet.data.get(..kept).unwrap_or(packet.data)))
        }
        PcapBlockOwned::NG(Block::SimplePacket(packet)) => {
            let kept = usize::try_from(packet.origlen).ok()?;
            Some((
                *links.first()?,
                packet.data.get(..kept).unwrap_or(packet.data),
            ))
        }
        PcapBlockOwned::NG(_) => None,
    }
}

/// Why a file cannot be read, without the bytes that the library would print.
fn reason<I>(error: &PcapError<I>) -> &'static str {
    match error {
        PcapError::HeaderNotRecognized => "it is neither pcap nor pcapng",
        PcapError::BufferTooSmall => "a block of more than 1 MiB",
        PcapError::Eof | PcapError::UnexpectedEof | PcapError::Incomplete(_) => "it ends too early",
        PcapError::ReadError => "it cannot be read",
        PcapError::NomError(..) | PcapError::OwnedNomError(..) => {
            "a block that is not of the format"
        }
    }
}
