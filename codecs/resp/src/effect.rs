//! What a request does to its connection.
//!
//! Most roles say it alone; four commands must be asked for their words. What a subcommand does
//! that is not listed is not guessed: it pins, as an unknown command does.

use weft_codec::Effect;

use crate::command::{Facet, Role};
use crate::local::Local;
use crate::words::Words;

/// How many words of `XREAD` are looked at before `STREAMS` must have come:
/// `XREADGROUP GROUP g c COUNT n BLOCK ms NOACK STREAMS`, with room for what later versions add.
const OPTION_WORDS_MAX: usize = 24;

/// The effect of the request in `frame`, of which at least the head is there.
#[inline]
pub(crate) fn of(role: Role, frame: &[u8]) -> Effect {
    match resolved(role, frame) {
        Role::Stateless => Effect::Stateless,
        Role::Facet(_) => Effect::Facet,
        Role::Local(_) => Effect::Local,
        Role::Reset => Effect::Reset,
        Role::Quit => Effect::Quit,
        Role::Blocking => Effect::Blocking,
        Role::Unpin => Effect::Unpin,
        Role::Tunnel => Effect::Tunnel,
        Role::Pin | Role::MayBlock | Role::Hello | Role::Client | Role::Script => Effect::Pin,
    }
}

/// The role of one request, after a look at its words where its command needs one.
#[inline]
pub(crate) fn resolved(role: Role, frame: &[u8]) -> Role {
    match role {
        Role::MayBlock | Role::Hello | Role::Client | Role::Script => by_words(role, frame),
        alone => alone,
    }
}

fn by_words(role: Role, frame: &[u8]) -> Role {
    let mut words = Words::of(frame).skip(1);
    match role {
        Role::MayBlock => blocking_read(words),
        Role::Client => client(words),
        // Without a version, HELLO changes nothing and only tells about the server.
        Role::Hello => match words.next() {
            Some(_) => Role::Facet(Facet::Hello),
            None => Role::Stateless,
        },
        // A debugging session takes the connection over.
        Role::Script => match words.next() {
            Some(word) if word.eq_ignore_ascii_case(b"DEBUG") => Role::Pin,
            _ => Role::Stateless,
        },
        other => other,
    }
}

/// `XREAD` and `XREADGROUP` wait only with `BLOCK`, which stands before `STREAMS`.
fn blocking_read<'a>(words: impl Iterator<Item = std::borrow::Cow<'a, [u8]>>) -> Role {
    for word in words.take(OPTION_WORDS_MAX) {
        if word.eq_ignore_ascii_case(b"STREAMS") {
            return Role::Stateless;
        }
        // A group or consumer of this name costs a lane of its own, and no more.
        if word.eq_ignore_ascii_case(b"BLOCK") {
            return Role::Blocking;
        }
    }
    Role::Blocking
}

fn client<'a>(mut words: impl Iterator<Item = std::borrow::Cow<'a, [u8]>>) -> Role {
    let Some(subcommand) = words.next() else {
        return Role::Stateless;
    };
    let is = |name: &str| subcommand.eq_ignore_ascii_case(name.as_bytes());
    if is("SETNAME") || is("SETINFO") {
        return Role::Local(Local::Ok);
    }
    if is("MAINT_NOTIFICATIONS") {
        return Role::Local(Local::NoMaintenance);
    }
    if is("NO-EVICT") {
        return Role::Facet(Facet::NoEvict);
    }
    if is("NO-TOUCH") {
        return Role::Facet(Facet::NoTouch);
    }
    if is("REPLY") || is("TRACKING") {
        return match words.next() {
            Some(word) if is("REPLY") && word.eq_ignore_ascii_case(b"ON") => Role::Stateless,
            Some(word) if is("TRACKING") && word.eq_ignore_ascii_case(b"OFF") => Role::Stateless,
            _ => Role::Tunnel,
        };
    }
    let about_servers = [
        "CACHING",
        "GETNAME",
        "GETREDIR",
        "HELP",
        "ID",
        "INFO",
        "KILL",
        "LIST",
        "PAUSE",
        "TRACKINGINFO",
        "UNBLOCK",
        "UNPAUSE",
    ];
    if about_servers.iter().any(|name| is(name)) {
        return Role::Stateless;
    }
    Role::Pin
}
