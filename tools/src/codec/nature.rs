//! What a protocol is, in words: its traits as `list` and `check` show them.

use weft_codec::{
    ConnectionState, Correlation, IdDomain, IdKind, OneWayAnswers, Order, Speaker, Traits,
};

/// How an answer finds its request.
pub(crate) fn correlation(traits: &Traits) -> &'static str {
    match traits.correlation {
        Correlation::ById => "by id",
        Correlation::InOrder => "in order",
        Correlation::Exclusive => "exclusive",
        Correlation::Bound => "bound",
        Correlation::Raw => "raw",
    }
}

/// The order that clients expect.
pub(crate) fn order(traits: &Traits) -> &'static str {
    match traits.order {
        Order::AsReady => "as ready",
        Order::InOrder => "in order",
    }
}

/// What a connection remembers.
pub(crate) fn state(traits: &Traits) -> &'static str {
    match traits.state {
        ConnectionState::Stateless => "stateless",
        ConnectionState::PerRequest => "per request",
    }
}

/// The ids, with the range that lanes use.
pub(crate) fn ids(traits: &Traits) -> String {
    let Some(IdDomain {
        kind,
        wire_first,
        wire_last,
    }) = traits.ids
    else {
        return "none".to_owned();
    };
    let kind = match kind {
        IdKind::Integer(bytes) => format!("{bytes}-byte integer"),
        IdKind::Varint => "varint".to_owned(),
        IdKind::Decimal => "decimal text".to_owned(),
        IdKind::Hex => "hexadecimal text".to_owned(),
        IdKind::Bytes(bytes) => format!("{bytes} bytes"),
    };
    format!("{kind}, {wire_first} to {wire_last} on lanes")
}

/// The keys that rules may ask for.
pub(crate) fn keys(traits: &Traits) -> String {
    let prefixes = traits
        .keys
        .prefixes
        .iter()
        .map(|prefix| format!("{prefix}*"));
    let all: Vec<String> = traits.keys.fixed.iter().cloned().chain(prefixes).collect();
    if all.is_empty() {
        "none".to_owned()
    } else {
        all.join(" ")
    }
}

/// What the mesh can say in it.
pub(crate) fn says(traits: &Traits) -> String {
    let says = traits.says;
    let all = [
        (says.error, "error"),
        (says.ping, "ping"),
        (says.pong, "pong"),
        (says.go_away, "go-away"),
        (says.cancel, "cancel"),
        (says.deadline, "deadline"),
    ];
    let said: Vec<&str> = all
        .iter()
        .filter(|(can, _)| *can)
        .map(|(_, what)| *what)
        .collect();
    if said.is_empty() {
        "nothing".to_owned()
    } else {
        said.join(", ")
    }
}

/// Whatever else is not as usual.
pub(crate) fn remarks(traits: &Traits) -> Vec<&'static str> {
    let mut remarks = Vec::new();
    if traits.speaks_first == Speaker::Upstream {
        remarks.push("the server speaks first");
    }
    match traits.one_way_answers {
        OneWayAnswers::Never => {}
        OneWayAnswers::Maybe => remarks.push("one-ways may be answered"),
        OneWayAnswers::Always => remarks.push("one-ways are answered"),
    }
    remarks
}

/// Everything as one object.
pub(crate) fn json(traits: &Traits) -> serde_json::Value {
    serde_json::json!({
        "correlation": correlation(traits),
        "order": order(traits),
        "state": state(traits),
        "ids": ids(traits),
        "keys": traits.keys.fixed,
        "key_prefixes": traits.keys.prefixes,
        "says": says(traits),
        "remarks": remarks(traits),
    })
}
