//! Services and the instances that serve them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::Policy;

/// Labels of an instance, for instance `version: "2"`.
pub type Labels = BTreeMap<String, String>;

/// A named service.
#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    /// Its name; unique.
    pub name: String,
    /// The protocol it speaks.
    pub protocol: String,
    /// What serves it, in the order of the configuration.
    pub instances: Vec<Instance>,
    /// The policy of exchanges whose route names none.
    pub policy: Policy,
}

/// One address that serves a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// Unique within the service; its address unless the configuration names one.
    pub id: String,
    /// One per boot of the instance: balancing memory and lanes belong to an incarnation.
    pub incarnation: u64,
    /// Where it listens.
    pub address: InstanceAddress,
    /// What subsets choose by.
    pub labels: Labels,
    /// Its share of the load relative to the others, 1 to 1,000. Default 1.
    pub weight: u32,
    /// It takes nothing new; what is in flight finishes.
    pub draining: bool,
}

/// Where an instance listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum InstanceAddress {
    /// TCP over IPv4 or IPv6.
    Tcp(SocketAddr),
    /// A Unix stream socket.
    Unix(PathBuf),
}

impl std::fmt::Display for InstanceAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// The order of answers that a listener gives its clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OrderChoice {
    /// What the protocol says.
    #[default]
    Protocol,
    /// Always in the order of requests: for clients that match answers by position although
    /// their protocol has ids.
    InOrder,
}
