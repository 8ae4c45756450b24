//! Who may speak hop: services whose instances are other Weft proxies, and listeners at which
//! other proxies come in.

use weft_codec::{Codec, Correlation, Sniff, Speaker};

use super::place::{Findings, Place};
use super::protocols::Protocols;

/// Whether a service or listener of this protocol, which says so in `written`, has the hop.
/// Nothing is complained of a protocol that is not known: that was complained of where it is named.
pub(super) fn hop(
    found: &mut Findings<'_>,
    protocols: &Protocols<'_>,
    place: &Place<'_>,
    (written, spoken): (Option<bool>, &[String]),
) -> bool {
    if written != Some(true) {
        return false;
    }
    let [protocol] = spoken else {
        if !spoken.is_empty() {
            found.refuse(
                place,
                "a listener of several protocols cannot tell of which a proxy's frames are",
                "give the proxies a listener of one protocol",
            );
        }
        return false;
    };
    let Some(codec) = protocols.codec(protocol) else {
        return false;
    };
    if let Some(why) = unsuited(codec) {
        found.refuse(
            place,
            format!("{why}, so nothing of `{protocol}` can share a connection between proxies"),
            "remove it: the native protocol is spoken there",
        );
        return false;
    }
    true
}

/// Why a protocol gains nothing by the hop, or would lose by it.
fn unsuited(codec: &dyn Codec) -> Option<&'static str> {
    let traits = codec.traits();
    if traits.speaks_first == Speaker::Upstream {
        return Some("its server speaks first");
    }
    match traits.correlation {
        Correlation::Bound => return Some("each client has a connection of its own"),
        Correlation::Raw => return Some("it has no frames"),
        Correlation::ById | Correlation::InOrder | Correlation::Exclusive => {}
    }
    let first = weft_hop::first_bytes();
    (codec.sniff(&first) == Sniff::Yes).then_some("it takes the hop's first bytes for its own")
}
