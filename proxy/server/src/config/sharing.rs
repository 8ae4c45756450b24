//! The protocols of a listener: one, or several that are told apart by a client's first bytes.
//!
//! Whether they can be told apart is tried here, over first bytes of each, and not in production.

use std::time::Duration;

use weft_codec::{Choice, Codec, Correlation, SNIFF_BYTES_MAX, Speaker, choose};

use super::place::{Findings, Place};
use super::protocols::Protocols;
use super::raw;
use super::services::Checked as CheckedService;

/// How long a client may be silent before it is taken for one that waits for the server.
const SNIFF_TIMEOUT: Duration = Duration::from_millis(200);

/// How many bytes of an opening a complaint shows.
const SHOWN_BYTES: usize = 12;

/// What clients of a listener may speak.
#[derive(Clone, Debug)]
pub(super) struct Spoken {
    /// In the order in which they are asked; empty only after a complaint.
    pub(super) protocols: Vec<String>,
    pub(super) server_first: Option<usize>,
    pub(super) sniff_timeout: Duration,
    /// The services behind all routes, one for each protocol at most.
    pub(super) fallbacks: Vec<String>,
}

/// Reads what the listener says of its protocols and services.
pub(super) fn spoken(
    found: &mut Findings<'_>,
    protocols: &mut Protocols<'_>,
    place: &Place<'_>,
    raw: &raw::Listener,
    services: &[CheckedService],
) -> Spoken {
    let several = !raw.protocols.is_empty() || !raw.services.is_empty();
    let mut spoken = if several {
        several_protocols(found, protocols, place, raw, services)
    } else {
        Spoken {
            protocols: one_protocol(found, protocols, place, raw, services)
                .into_iter()
                .collect(),
            server_first: None,
            sniff_timeout: SNIFF_TIMEOUT,
            fallbacks: raw.service.iter().cloned().collect(),
        }
    };
    spoken.server_first = server_first(found, protocols, place, raw, &spoken.protocols);
    found.duration(
        &place.field("sniff_timeout"),
        raw.sniff_timeout.as_ref(),
        Duration::from_millis(10)..=Duration::from_secs(60),
        &mut spoken.sniff_timeout,
    );
    if raw.sniff_timeout.is_some() && raw.server_first.is_none() {
        found.refuse(
            &place.field("sniff_timeout"),
            "a client's silence decides nothing without `server_first`",
            "remove it, or name the protocol of silent clients in `server_first`",
        );
    }
    if spoken.protocols.len() > 1 {
        told_apart(found, protocols, place, &spoken);
    }
    spoken
}

/// The listener's protocol: its own, or that of its service.
fn one_protocol(
    found: &mut Findings<'_>,
    protocols: &mut Protocols<'_>,
    place: &Place<'_>,
    raw: &raw::Listener,
    services: &[CheckedService],
) -> Option<String> {
    let service_place = place.field("service");
    let service = raw
        .service
        .as_ref()
        .and_then(|name| service(found, &service_place, name, services));
    let theirs = service
        .map(|service| &service.service.protocol)
        .filter(|protocol| !protocol.is_empty());
    let Some(protocol) = &raw.protocol else {
        if raw.service.is_none() {
            found.missing(place, "protocol", "\"…\"");
        }
        return theirs.cloned();
    };
    let known = protocols.find(found, &place.field("protocol"), protocol);
    if let (Some(service), Some(theirs), Some(_)) = (service, theirs, known)
        && theirs != protocol
    {
        found.refuse(
            &service_place,
            format!(
                "clients speak `{protocol}` here, but service `{}` speaks `{theirs}`",
                service.service.name
            ),
            "lead clients to a service of their own protocol",
        );
    }
    Some(protocol.clone())
}

fn service<'s>(
    found: &mut Findings<'_>,
    place: &Place<'_>,
    name: &String,
    services: &'s [CheckedService],
) -> Option<&'s CheckedService> {
    let service = services.iter().find(|s| s.service.name == *name);
    if service.is_none() {
        let known = services.iter().map(|s| &s.service.name);
        found.unknown(place, "service", name, known);
    }
    service
}

/// The protocols that are named, and those of the services that are.
fn several_protocols(
    found: &mut Findings<'_>,
    protocols: &mut Protocols<'_>,
    place: &Place<'_>,
    raw: &raw::Listener,
    services: &[CheckedService],
) -> Spoken {
    for (field, written) in [("protocol", &raw.protocol), ("service", &raw.service)] {
        if written.is_some() {
            found.refuse(
                &place.field(field),
                format!("`{field}` is for one protocol, and this listener has several"),
                format!("write it into `{field}s: […]`"),
            );
        }
    }
    let mut all: Vec<String> = Vec::new();
    let list = place.field("protocols");
    for (n, protocol) in raw.protocols.iter().enumerate() {
        let place = list.index(n);
        if all.contains(protocol) {
            found.refuse(&place, format!("`{protocol}` is named twice"), "remove one");
        } else if protocols.find(found, &place, protocol).is_some() {
            all.push(protocol.clone());
        }
    }
    let mut fallbacks: Vec<String> = Vec::new();
    let mut served: Vec<&String> = Vec::new();
    let list = place.field("services");
    for (n, name) in raw.services.iter().enumerate() {
        let place = list.index(n);
        let Some(checked) = service(found, &place, name, services) else {
            continue;
        };
        let protocol = &checked.service.protocol;
        if served.contains(&protocol) {
            found.refuse(
                &place,
                format!("clients that speak `{protocol}` have another service already"),
                "name one service for each protocol; routes lead to further ones",
            );
        } else if !raw.protocols.is_empty() && !raw.protocols.contains(protocol) {
            found.refuse(
                &place,
                format!("service `{name}` speaks `{protocol}`, which is not in `protocols`"),
                format!("add \"{protocol}\" to `protocols`, or remove the service"),
            );
        } else if !protocol.is_empty() {
            served.push(protocol);
            fallbacks.push(name.clone());
            if !all.contains(protocol) {
                all.push(protocol.clone());
            }
        }
    }
    Spoken {
        protocols: all,
        server_first: None,
        sniff_timeout: SNIFF_TIMEOUT,
        fallbacks,
    }
}

/// The position of the protocol that silent clients are taken for.
fn server_first(
    found: &mut Findings<'_>,
    protocols: &Protocols<'_>,
    place: &Place<'_>,
    raw: &raw::Listener,
    all: &[String],
) -> Option<usize> {
    let named = raw.server_first.as_ref()?;
    let place = place.field("server_first");
    let position = all.iter().position(|protocol| protocol == named);
    if all.len() < 2 {
        found.refuse(
            &place,
            "this listener has one protocol, so nothing is to be decided",
            "remove it, or name several in `protocols`",
        );
    } else if position.is_none() {
        found.unknown(&place, "protocol of this listener", named, all);
    } else if let Some(traits) = protocols.traits(named)
        && traits.speaks_first == Speaker::Downstream
        && traits.correlation != Correlation::Raw
    {
        found.refuse(
            &place,
            format!("clients of `{named}` speak first, so silence does not tell them"),
            "name the protocol whose server speaks first",
        );
    }
    position
}

/// Tries the first bytes of every protocol on all of them, as they may come: byte by byte, all
/// at once, and with more requests behind them.
fn told_apart(
    found: &mut Findings<'_>,
    protocols: &Protocols<'_>,
    place: &Place<'_>,
    spoken: &Spoken,
) {
    let list = place.field("protocols");
    let codecs: Vec<&dyn Codec> = spoken
        .protocols
        .iter()
        .filter_map(|name| protocols.codec(name))
        .collect();
    let mut unknown = Vec::new();
    for (n, name) in spoken.protocols.iter().enumerate() {
        if spoken.server_first == Some(n) {
            // Its clients are known by their silence.
            continue;
        }
        if protocols
            .traits(name)
            .is_some_and(|t| t.speaks_first == Speaker::Upstream)
        {
            found.refuse(
                &list,
                format!("clients of `{name}` wait for the server's first word"),
                format!("say `server_first: \"{name}\"`, or give it a listener of its own"),
            );
            continue;
        }
        let openings = protocols.openings(name);
        if openings.is_empty() {
            unknown.push(name.as_str());
        }
        for opening in &openings {
            if let Some((at, taken)) = mistaken(&codecs, n, opening) {
                complain(
                    found,
                    &list,
                    spoken,
                    (n, taken),
                    opening.get(..at).unwrap_or(opening),
                );
                break;
            }
        }
    }
    if unknown.len() > 1 || unknown.len() == 1 && spoken.protocols.len() == 1 {
        found.warn(
            &list,
            format!(
                "whether {} can be told apart is not known: no first bytes of them are",
                unknown.join(" and ")
            ),
            "put vectors of captured frames beside their descriptions, into `vectors/`",
        );
    }
}

/// After how many bytes of an opening the n-th codec is not the one that gets it, and which is.
fn mistaken(codecs: &[&dyn Codec], n: usize, opening: &[u8]) -> Option<(usize, Option<usize>)> {
    let asked = |prefix: &[u8]| choose(codecs.iter().copied(), prefix);
    let decide = |end: usize| asked(opening.get(..end).unwrap_or(opening));
    for end in (1..=opening.len()).chain([opening.len()]) {
        match decide(end) {
            Choice::Is(index) if index == n => break,
            Choice::Is(index) => return Some((end, Some(index))),
            Choice::Nothing => return Some((end, None)),
            Choice::Need(_) if end == opening.len() => return Some((end, None)),
            Choice::Need(_) => {}
        }
    }
    match decide(opening.len()) {
        Choice::Is(index) if index != n => return Some((opening.len(), Some(index))),
        _ => {}
    }
    // A client that does not wait for its first answer sends more at once, and a protocol that
    // wanted more bytes than the opening has may be sure of them.
    let copies = SNIFF_BYTES_MAX.checked_div(opening.len()).unwrap_or(0);
    match asked(&opening.repeat(copies)) {
        Choice::Is(index) if index != n => Some((opening.len(), Some(index))),
        _ => None,
    }
}

fn complain(
    found: &mut Findings<'_>,
    list: &Place<'_>,
    spoken: &Spoken,
    (mine, taken): (usize, Option<usize>),
    opening: &[u8],
) {
    let name = |n: usize| spoken.protocols.get(n).map_or("", String::as_str);
    let shown = opening.get(..SHOWN_BYTES).unwrap_or(opening);
    let (shown, mine_name) = (shown.escape_ascii(), name(mine));
    match taken {
        Some(other) => {
            let other_name = name(other);
            let help = if other < mine {
                format!("name `{mine_name}` before `{other_name}`, or give each a listener")
            } else {
                "give each a listener of its own".to_owned()
            };
            found.refuse(
                list,
                format!(
                    "a client of `{mine_name}` that sends `{shown}` is taken for `{other_name}`"
                ),
                help,
            );
        }
        None => found.refuse(
            list,
            format!("a client of `{mine_name}` that sends `{shown}` is not known by it"),
            "give it a listener of its own",
        ),
    }
}

#[cfg(test)]
mod tests;
