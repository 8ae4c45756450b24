//! What an answer says about its request and its server.
//!
//! Redis begins every error with a code in upper case. Codes are judged by what they tell of
//! the server; the reasons and sources stand in `protocols/resp/spec.md`.

use weft_codec::Verdict;

/// The error code of an answer whose value begins at `value_at`; `None` if it is no error.
/// Empty if the code is not in the bytes that are there.
#[inline]
pub(crate) fn error_code(frame: &[u8], value_at: usize) -> Option<&[u8]> {
    let value = frame.get(value_at..)?;
    let text = match value.split_first()? {
        (b'-', text) => text,
        (b'!', rest) => {
            let line = memchr::memchr(b'\n', rest)?;
            rest.get(line.saturating_add(1)..).unwrap_or_default()
        }
        _ => return None,
    };
    let end = text
        .iter()
        .position(|byte| matches!(byte, b' ' | b'\r' | b'\n'))
        .unwrap_or(text.len());
    text.get(..end)
}

/// The verdict on an answer whose value begins at `value_at`.
#[inline]
pub(crate) fn of(frame: &[u8], value_at: usize) -> Verdict {
    match error_code(frame, value_at) {
        None if frame
            .get(value_at..)
            .is_some_and(|answer| answer.starts_with(b"+QUEUED\r")) =>
        {
            Verdict::Queued
        }
        None => Verdict::Ok,
        Some(code) => of_code(code, frame, value_at),
    }
}

fn of_code(code: &[u8], frame: &[u8], value_at: usize) -> Verdict {
    match code {
        // A script or module holds the server; memory is full.
        b"BUSY" | b"OOM" => Verdict::Overload,
        // Still reading its data, cut off from its primary or cluster, or unable to take
        // writes: the server says so of itself.
        b"LOADING" | b"MASTERDOWN" | b"CLUSTERDOWN" | b"MISCONF" | b"NOREPLICAS" => {
            Verdict::Unavailable
        }
        // Keys on their way from one node to another: refused before anything was done.
        b"TRYAGAIN" => Verdict::NotExecuted,
        b"ERR" if too_many_clients(frame, value_at) => Verdict::Overload,
        _ => Verdict::ApplicationError,
    }
}

fn too_many_clients(frame: &[u8], value_at: usize) -> bool {
    frame
        .get(value_at..)
        .is_some_and(|value| value.starts_with(b"-ERR max number of clients"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_told_by_their_code() {
        for (answer, verdict) in [
            (&b"+OK\r\n"[..], Verdict::Ok),
            (b"$4\r\n-ERR\r\n", Verdict::Ok),
            (b"-ERR no such key\r\n", Verdict::ApplicationError),
            (b"-WRONGTYPE Operation\r\n", Verdict::ApplicationError),
            (b"-MOVED 3999 127.0.0.1:6381\r\n", Verdict::ApplicationError),
            (b"-BUSY Redis is busy\r\n", Verdict::Overload),
            (
                b"-BUSYGROUP Consumer Group name already exists\r\n",
                Verdict::ApplicationError,
            ),
            (b"-OOM command not allowed\r\n", Verdict::Overload),
            (b"-ERR max number of clients reached\r\n", Verdict::Overload),
            (b"-LOADING Redis is loading\r\n", Verdict::Unavailable),
            (b"-MASTERDOWN Link\r\n", Verdict::Unavailable),
            (
                b"-CLUSTERDOWN The cluster is down\r\n",
                Verdict::Unavailable,
            ),
            (b"-TRYAGAIN Multiple keys\r\n", Verdict::NotExecuted),
            (
                b"!21\r\nSYNTAX invalid syntax\r\n",
                Verdict::ApplicationError,
            ),
            (b"!10\r\nLOADING so\r\n", Verdict::Unavailable),
            (b"-\r\n", Verdict::ApplicationError),
        ] {
            assert_eq!(of(answer, 0), verdict, "{}", answer.escape_ascii());
        }
    }

    #[test]
    fn an_error_after_an_attribute_is_an_error() {
        assert_eq!(
            of(b"|1\r\n+a\r\n:1\r\n-LOADING x\r\n", 12),
            Verdict::Unavailable
        );
    }
}
