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
        Role::Pin => Effect::Pin,
        Role::Session | Role::MayBlock | Role::Hello | Role::Client | Role::Script => {
            Effect::Session
        }
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

/// How many of a request's first words, the command among them, must be there before its effect
/// can be said to be [`Effect::Stateless`].
#[inline]
pub(crate) fn words_asked(role: Role) -> u64 {
    match role {
        Role::Client => 3,
        Role::Hello | Role::Script => 2,
        // A read of streams is taken for blocking until `STREAMS` was seen.
        _ => 1,
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
            Some(word) if word.eq_ignore_ascii_case(b"DEBUG") => Role::Session,
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
    Role::Session
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command;

    /// The effect of an inline line; the words of arrays are read by the same code.
    fn effect(line: &str) -> Effect {
        let name = line.split(' ').next().unwrap();
        let number = command::number_of(name.as_bytes());
        of(command::by_number(number).role, line.as_bytes())
    }

    #[test]
    fn subcommands_decide_what_client_does() {
        for (line, expected) in [
            ("CLIENT SETNAME x", Effect::Local),
            ("client setinfo LIB-NAME x", Effect::Local),
            ("CLIENT MAINT_NOTIFICATIONS ON", Effect::Local),
            ("CLIENT NO-EVICT ON", Effect::Facet),
            ("CLIENT NO-TOUCH on", Effect::Facet),
            ("CLIENT TRACKING ON", Effect::Tunnel),
            ("CLIENT TRACKING OFF", Effect::Stateless),
            ("CLIENT REPLY OFF", Effect::Tunnel),
            ("CLIENT REPLY SKIP", Effect::Tunnel),
            ("CLIENT REPLY ON", Effect::Stateless),
            ("CLIENT ID", Effect::Stateless),
            ("CLIENT", Effect::Stateless),
            ("CLIENT WHATEVER-COMES-NEXT", Effect::Session),
        ] {
            assert_eq!(effect(line), expected, "{line}");
        }
    }

    #[test]
    fn a_read_of_streams_blocks_only_if_it_says_so() {
        for (line, expected) in [
            ("XREAD STREAMS BLOCK 0", Effect::Stateless),
            ("XREAD COUNT 1 block 0 STREAMS s 0", Effect::Blocking),
            ("XREADGROUP GROUP g c NOACK STREAMS s >", Effect::Stateless),
            ("XREAD", Effect::Blocking),
        ] {
            assert_eq!(effect(line), expected, "{line}");
        }
    }

    #[test]
    fn what_changes_nothing_is_no_facet() {
        assert_eq!(effect("HELLO"), Effect::Stateless);
        assert_eq!(effect("HELLO 3 AUTH u p SETNAME n"), Effect::Facet);
        assert_eq!(effect("SCRIPT LOAD x"), Effect::Stateless);
        assert_eq!(effect("SCRIPT DEBUG YES"), Effect::Session);
        assert_eq!(effect("UNWATCH"), Effect::Stateless);
    }

    #[test]
    fn what_cannot_be_relayed_is_refused_in_words() {
        for line in [
            "PSYNC ? -1",
            "SYNC",
            "REPLCONF ACK 1",
            "WAIT 1 0",
            "WAITAOF 1 1 0",
        ] {
            assert_eq!(effect(line), Effect::Local, "{line}");
        }
    }
}
