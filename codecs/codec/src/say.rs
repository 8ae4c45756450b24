//! The words of the mesh in a protocol's own bytes.

use crate::Asked;

/// Why the mesh, not the server, ends a request. A closed list that each codec maps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProxyError {
    /// No route takes the request.
    NoRoute,
    /// The route's service has no instance that can serve.
    NoInstance,
    /// No connection to an instance came about in time.
    ConnectFailed,
    /// Time ran out.
    Deadline,
    /// Too much is in flight or queued.
    Overload,
    /// A rate limit refuses it.
    RateLimited,
    /// It is not permitted.
    Denied,
    /// The connection to the instance ended before a byte of the request was sent.
    ResetBeforeSending,
    /// The connection ended after bytes were sent: the request may have been executed.
    ResetAfterSending,
    /// The request, or its answer, is not of the protocol or over a limit.
    Malformed,
    /// The mesh is going down.
    Draining,
    /// The request is well-formed, but the mesh cannot relay it faithfully, for instance keys
    /// of one command that live on several instances.
    Unsupported,
}

impl ProxyError {
    /// Every error, in the order of declaration.
    pub const ALL: [Self; 12] = [
        Self::NoRoute,
        Self::NoInstance,
        Self::ConnectFailed,
        Self::Deadline,
        Self::Overload,
        Self::RateLimited,
        Self::Denied,
        Self::ResetBeforeSending,
        Self::ResetAfterSending,
        Self::Malformed,
        Self::Draining,
        Self::Unsupported,
    ];

    /// The metric label: lower case, underscores.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::NoRoute => "no_route",
            Self::NoInstance => "no_instance",
            Self::ConnectFailed => "connect_failed",
            Self::Deadline => "deadline",
            Self::Overload => "overload",
            Self::RateLimited => "rate_limited",
            Self::Denied => "denied",
            Self::ResetBeforeSending => "reset_before_sending",
            Self::ResetAfterSending => "reset_after_sending",
            Self::Malformed => "malformed",
            Self::Draining => "draining",
            Self::Unsupported => "unsupported",
        }
    }

    /// The cause in words, for a client's log.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::NoRoute => "no route takes this request",
            Self::NoInstance => "no instance of the service is available",
            Self::ConnectFailed => "could not connect to an instance",
            Self::Deadline => "deadline exceeded",
            Self::Overload => "overloaded, too many requests in flight",
            Self::RateLimited => "rate limit exceeded",
            Self::Denied => "not permitted",
            Self::ResetBeforeSending => "connection lost before the request was sent",
            Self::ResetAfterSending => {
                "connection lost after the request was sent, it may have been executed"
            }
            Self::Malformed => "malformed or over a limit",
            Self::Draining => "the proxy is shutting down",
            Self::Unsupported => "this request cannot be relayed",
        }
    }
}

/// What the mesh wants to say.
#[derive(Clone, Copy, Debug)]
pub enum Say<'a> {
    /// An error answer to the request that was asked.
    Error {
        /// The cause.
        error: ProxyError,
        /// The cause in words, beginning with `weft: `.
        words: &'a str,
        /// The request.
        asked: &'a Asked,
    },
    /// The answer to a request that the mesh answers itself: see [`crate::Effect::Local`].
    Local {
        /// The request.
        asked: &'a Asked,
    },
    /// The answer to a peer's ping.
    Pong {
        /// The ping.
        asked: &'a Asked,
    },
    /// A ping under a lane's id.
    Ping {
        /// The id.
        id: u64,
    },
    /// Nothing new, please.
    GoAway,
    /// The last word to a client with a session: its connection is closed behind it.
    Farewell {
        /// The request that opened the session.
        opening: &'a Asked,
    },
    /// Gives up the request of this id.
    Cancel {
        /// The id.
        id: u64,
    },
}

/// The protocol has no words for it: the connection must be closed instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the protocol has no words for this")]
pub struct CannotSay;
