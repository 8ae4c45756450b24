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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::{Config, parse};

    /// A file of one listener and one service of this protocol, both with these fields.
    fn read(protocol: &str, listener: &str, service: &str) -> Result<Config, String> {
        let text = format!(
            "Proxy(
                listeners: [Listener(name: \"l\", addresses: [\"127.0.0.1:1\"], service: \"s\", {listener})],
                services: [Service(name: \"s\", protocol: \"{protocol}\", instances: [\"127.0.0.1:2\"], {service})],
            )"
        );
        parse("hop.ron", &text, Path::new(".")).map_err(|complaints| {
            let said: Vec<String> = complaints.iter().map(ToString::to_string).collect();
            said.join("\n")
        })
    }

    #[test]
    fn both_sides_say_for_themselves_that_they_speak_hop() {
        let config = read("redis", "hop: true", "").unwrap();
        assert!(config.listeners[0].hop && config.hops.is_empty());
        let config = read("thrift", "", "hop: true").unwrap();
        assert!(!config.listeners[0].hop && config.hops.contains("s"));
        assert!(!read("thrift", "hop: false", "").unwrap().listeners[0].hop);
    }

    #[test]
    fn what_cannot_share_a_connection_is_refused_where_it_stands() {
        for protocol in ["mqtt", "raw"] {
            let said = read(protocol, "hop: true", "").unwrap_err();
            assert!(said.contains("hop.ron:2:"), "{said}");
            assert!(
                said.contains("can share a connection between proxies"),
                "{said}"
            );
            let said = read(protocol, "", "hop: true").unwrap_err();
            assert!(said.contains("hop.ron:3:"), "{said}");
        }
    }

    #[test]
    fn a_listener_of_several_protocols_is_refused() {
        let text = "Proxy(
            listeners: [Listener(name: \"l\", addresses: [\"127.0.0.1:1\"], hop: true,
                protocols: [\"thrift\", \"redis\"], services: [\"t\", \"r\"])],
            services: [
                Service(name: \"t\", protocol: \"thrift\", instances: [\"127.0.0.1:2\"]),
                Service(name: \"r\", protocol: \"redis\", instances: [\"127.0.0.1:3\"]),
            ],
        )";
        let complaints = parse("hop.ron", text, Path::new(".")).unwrap_err();
        let said = complaints[0].to_string();
        assert!(said.contains("cannot tell of which"), "{said}");
        assert!(said.contains("a listener of one protocol"), "{said}");
    }

    #[test]
    fn names_of_proxies_are_plain() {
        let said = read("thrift", "", "").unwrap().settings.name;
        assert!(!said.is_empty(), "the machine's");
        let text = "Proxy(name: \"edge 1\", listeners: [])";
        let complaints = parse("hop.ron", text, Path::new(".")).unwrap_err();
        let said: Vec<String> = complaints.iter().map(ToString::to_string).collect();
        assert!(
            said.join("\n").contains("`edge 1` cannot be a name"),
            "{said:?}"
        );
    }
}
