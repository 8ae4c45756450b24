//! One packet: through link, IP and TCP down to the bytes that TCP carries.

use std::net::{IpAddr, SocketAddr};

use etherparse::{EtherType, LaxNetSlice, LaxSlicedPacket, TransportSlice};
use pcap_parser::Linktype;

use crate::file::{Ignored, Packet};

/// A TCP segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    /// The packet's number in the file.
    pub(crate) packet: u32,
    pub(crate) from: SocketAddr,
    pub(crate) to: SocketAddr,
    /// The sequence number of its first byte, or of its SYN.
    pub(crate) sequence: u32,
    /// What it acknowledges, if it does.
    pub(crate) acknowledges: Option<u32>,
    pub(crate) syn: bool,
    pub(crate) fin: bool,
    pub(crate) bytes: Vec<u8>,
}

/// The segment in a packet, if it has one.
pub(crate) fn segment(packet: Packet<'_>, ignored: &mut Ignored) -> Option<Segment> {
    let Some(sliced) = sliced(packet) else {
        let seen = ignored.link.map_or(0, |(packets, _)| packets);
        ignored.link = Some((seen.saturating_add(1), packet.link.0));
        return None;
    };
    let Some(sliced) = sliced else {
        ignored.other = ignored.other.saturating_add(1);
        return None;
    };
    let (source, destination): (IpAddr, IpAddr) = match &sliced.net {
        Some(LaxNetSlice::Ipv4(ip)) => (
            ip.header().source_addr().into(),
            ip.header().destination_addr().into(),
        ),
        Some(LaxNetSlice::Ipv6(ip)) => (
            ip.header().source_addr().into(),
            ip.header().destination_addr().into(),
        ),
        _ => {
            ignored.other = ignored.other.saturating_add(1);
            return None;
        }
    };
    let payload = sliced.net.as_ref().and_then(LaxNetSlice::ip_payload_ref)?;
    if payload.fragmented {
        ignored.fragments = ignored.fragments.saturating_add(1);
        return None;
    }
    let Some(TransportSlice::Tcp(tcp)) = sliced.transport else {
        ignored.other = ignored.other.saturating_add(1);
        return None;
    };
    if payload.incomplete {
        ignored.cut = ignored.cut.saturating_add(1);
    }
    Some(Segment {
        packet: packet.number,
        from: SocketAddr::new(source, tcp.source_port()),
        to: SocketAddr::new(destination, tcp.destination_port()),
        sequence: tcp.sequence_number(),
        acknowledges: tcp.ack().then(|| tcp.acknowledgment_number()),
        syn: tcp.syn(),
        fin: tcp.fin(),
        bytes: tcp.payload().to_vec(),
    })
}

/// The packet in its layers: `None` for a link type that is not known, `Some(None)` for bytes
/// that do not hold what their link type says.
fn sliced(packet: Packet<'_>) -> Option<Option<LaxSlicedPacket<'_>>> {
    let bytes = packet.bytes;
    let ip = |at: usize| LaxSlicedPacket::from_ip(bytes.get(at..)?).ok();
    // The cooked headers of Linux: tcpdump.org's list of link types, LINKTYPE_LINUX_SLL and
    // LINKTYPE_LINUX_SLL2, says where their EtherType stands.
    let cooked = |type_at: usize, header: usize| {
        let kind = bytes.get(type_at..)?.first_chunk().copied()?;
        let kind = EtherType(u16::from_be_bytes(kind));
        Some(LaxSlicedPacket::from_ether_type(kind, bytes.get(header..)?))
    };
    match packet.link {
        Linktype::ETHERNET => Some(LaxSlicedPacket::from_ethernet(bytes).ok()),
        Linktype::NULL | Linktype::LOOP => Some(ip(4)),
        Linktype(12 | 14) | Linktype::RAW | Linktype::IPV4 | Linktype::IPV6 => Some(ip(0)),
        Linktype::LINUX_SLL => Some(cooked(14, 16)),
        Linktype(276) => Some(cooked(0, 20)),
        _ => None,
    }
}
