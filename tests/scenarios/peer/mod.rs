//! Who stands around the proxy in the scenarios: clients and servers over real sockets.

mod backend;
pub(crate) use backend::{Backend, Manner};

mod client;
pub(crate) use client::{Client, Reader, Tally, Writer, dial};

mod wire;
pub(crate) use wire::Wire;
