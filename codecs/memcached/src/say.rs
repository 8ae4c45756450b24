//! The words of the mesh as memcached says them: an answer with a status and the words as its
//! value, and the answers to what the mesh answers itself.

use weft_codec::{Asked, CannotSay, ProxyError};

use crate::emit::{Caller, caller};
use crate::frame::ANSWER;
use crate::operation::{self, Silence, status};

/// The status that clients know for the same.
fn status_of(error: ProxyError) -> u16 {
    match error {
        ProxyError::Overload | ProxyError::RateLimited => status::BUSY,
        ProxyError::NoInstance
        | ProxyError::ConnectFailed
        | ProxyError::Deadline
        | ProxyError::ResetBeforeSending
        | ProxyError::Draining => status::TEMPORARY,
        ProxyError::Denied => status::AUTHENTICATION,
        ProxyError::NoRoute | ProxyError::Unsupported => status::NOT_SUPPORTED,
        ProxyError::ResetAfterSending | ProxyError::Malformed => status::INTERNAL,
    }
}

/// Appends an error answer. A quiet get is a miss instead: of a batch of such, clients leave the
/// rest unread at the first error, and take it for the answers to their next requests.
pub(crate) fn error(
    error: ProxyError,
    words: &str,
    asked: &Asked,
    out: &mut Vec<u8>,
) -> Result<(), CannotSay> {
    let caller = caller(asked).ok_or(CannotSay)?;
    if silence(caller) == Silence::OnMiss {
        return Ok(());
    }
    answer(caller, status_of(error), words, out)
}

/// What is said to a request that would end a server's connection.
const INVALID: &str = "weft: extras, key or value are not as this operation has them";

/// Appends the answer to what needs no server; nothing if it is quiet and nothing is wrong.
pub(crate) fn local(asked: &Asked, out: &mut Vec<u8>) -> Result<(), CannotSay> {
    let caller = caller(asked).ok_or(CannotSay)?;
    if caller.invalid {
        return answer(caller, status::INVALID, INVALID, out);
    }
    if silence(caller) == Silence::OnSuccess {
        return Ok(());
    }
    answer(caller, status::OK, "", out)
}

fn silence(caller: Caller) -> Silence {
    operation::by_code(caller.opcode).map_or(Silence::Never, |operation| operation.silence)
}

fn answer(caller: Caller, status: u16, words: &str, out: &mut Vec<u8>) -> Result<(), CannotSay> {
    let len = u32::try_from(words.len()).map_err(|_| CannotSay)?;
    // Neither key nor extras.
    out.extend_from_slice(&[ANSWER, caller.opcode, 0, 0, 0, 0]);
    out.extend_from_slice(&status.to_be_bytes());
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(&caller.opaque);
    // No version of a value.
    out.extend_from_slice(&[0; 8]);
    out.extend_from_slice(words.as_bytes());
    Ok(())
}
