//! What rules and policies may ask of a frame, decoded only when they do.

use std::borrow::Cow;

/// A question about a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field<'a> {
    /// The service that is asked for, where the protocol names one.
    Service,
    /// The method, command or opcode.
    Method,
    /// A named key: see [`crate::Traits::keys`].
    Key(&'a str),
    /// The n-th key of a key-value request, counted from 0: what ring hash distributes by.
    HashKey(u32),
    /// Milliseconds that the caller will still wait.
    DeadlineMs,
    /// The status of an answer.
    Status,
    /// The number of the facet that a request changes: see [`crate::Effect::Facet`].
    Facet,
}

/// The answer to a [`Field`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// Bytes, usually text; borrowed from the frame where they stand in it.
    Bytes(Cow<'a, [u8]>),
    /// A number.
    Number(u64),
}

impl Value<'_> {
    /// The value as bytes: a number in decimal.
    #[must_use]
    pub fn to_bytes(&self) -> Cow<'_, [u8]> {
        match self {
            Value::Bytes(bytes) => Cow::Borrowed(bytes),
            Value::Number(number) => Cow::Owned(number.to_string().into_bytes()),
        }
    }

    /// The value as a number, if it is one.
    #[must_use]
    pub fn number(&self) -> Option<u64> {
        match self {
            Value::Number(number) => Some(*number),
            Value::Bytes(_) => None,
        }
    }
}

/// What an answer says about its request and its server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Served.
    Ok,
    /// Taken, and executed later or never: queued in a transaction.
    Queued,
    /// The application refused or failed; the server is well.
    ApplicationError,
    /// The server has too much to do.
    Overload,
    /// The request was not executed: safe to send elsewhere.
    NotExecuted,
    /// The server cannot serve this service now.
    Unavailable,
}
