//! A load that has been checked: what is sent where, how often, for how long.

use std::time::Duration;

use anyhow::bail;

use super::stamp::STAMP_BYTES;
use crate::address::Address;
use crate::wire::{FRAME_BYTES_MAX, Protocol, length_id};

/// What is sent where, how often, for how long.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Where to.
    pub(crate) target: Address,
    /// In which protocol.
    pub(crate) protocol: Protocol,
    /// The service that requests name, where the protocol has such a name.
    pub(crate) service: String,
    /// The methods and their shares.
    pub(crate) methods: Vec<Method>,
    /// Connections that carry requests.
    pub(crate) connections: usize,
    /// Connections that are only held open.
    pub(crate) idle: usize,
    /// Requests in flight on one connection at most.
    pub(crate) in_flight: usize,
    /// Requests per second in all (open loop); `None` sends as answers come (closed loop).
    pub(crate) rate: Option<f64>,
    /// How long is measured.
    pub(crate) measure: Duration,
    /// How long runs before, unmeasured. Wrong answers count all the same.
    pub(crate) warm_up: Duration,
    /// How long the last answers are awaited.
    pub(crate) grace: Duration,
    /// Bytes of each body.
    pub(crate) body_bytes: usize,
    /// Which ids requests carry.
    pub(crate) ids: Ids,
    /// A connection is closed and opened anew after so many requests.
    pub(crate) reconnect_every: Option<u64>,
    /// Threads that share the connections.
    pub(crate) threads: usize,
}

/// A method and its share among the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Method {
    /// Its name.
    pub(crate) name: String,
    /// Its share relative to the others.
    pub(crate) weight: u32,
}

/// Which ids requests carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Ids {
    /// Every request of every connection carries the id 1; answers are matched by position.
    Same,
    /// 0, 1, 2 … on each connection; answers are matched by id, in any order.
    Sequential,
}

impl Plan {
    /// Refuses what cannot be done, saying what could.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        if self.body_bytes < STAMP_BYTES {
            bail!("--body must be at least {STAMP_BYTES}: every body carries a stamp to verify");
        }
        if self.body_bytes > FRAME_BYTES_MAX / 2 {
            bail!("--body must be at most {}", FRAME_BYTES_MAX / 2);
        }
        if self.connections == 0 && self.idle == 0 {
            bail!("--connections 0 needs --connections-idle");
        }
        if self.in_flight == 0 {
            bail!("--in-flight must be at least 1");
        }
        if self.threads == 0 || self.threads > self.connections.max(1) {
            bail!("--threads must be between 1 and --connections");
        }
        if let Some(rate) = self.rate
            && !(0.1..=10_000_000.0).contains(&rate)
        {
            bail!("--rate must be between 0.1 and 10,000,000 requests per second");
        }
        if self.reconnect_every == Some(0) {
            bail!("--reconnect-every must be at least 1");
        }
        if self.methods.iter().all(|method| method.weight == 0) {
            bail!("--methods needs at least one method");
        }
        self.methods
            .iter()
            .try_for_each(|method| self.check_method(method))
    }

    fn check_method(&self, method: &Method) -> anyhow::Result<()> {
        let name = method.name.as_str();
        match self.protocol {
            Protocol::Redis if !matches!(name, "get" | "set" | "echo" | "ping") => {
                bail!("redis methods are get, set, echo and ping, not `{name}`")
            }
            Protocol::LengthId if length_id::opcode(name).is_none() => {
                bail!("length-id methods are opcodes from 0 to 65534 (or echo for 1), not `{name}`")
            }
            Protocol::Acme if name.len() > 255 => bail!("acme methods have at most 255 bytes"),
            Protocol::Thrift | Protocol::Acme | Protocol::Redis | Protocol::LengthId => Ok(()),
        }
    }
}

/// Reads `NAME` or `NAME=WEIGHT`.
pub(crate) fn method(text: &str) -> Result<Method, String> {
    let (name, weight) = match text.split_once('=') {
        None => (text, 1),
        Some((name, weight)) => {
            let weight = weight.parse().ok().filter(|w| *w > 0);
            let weight = weight.ok_or_else(|| {
                format!("`{text}`: the weight after `=` must be a number from 1 on")
            })?;
            (name, weight)
        }
    };
    if name.is_empty() {
        return Err(format!(
            "`{text}` names no method; write echo or echo=98,charge=2"
        ));
    }
    Ok(Method {
        name: name.to_owned(),
        weight,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Plan {
        Plan {
            target: "127.0.0.1:1".parse().unwrap(),
            protocol: Protocol::Thrift,
            service: String::new(),
            methods: vec![method("echo").unwrap()],
            connections: 1,
            idle: 0,
            in_flight: 1,
            rate: None,
            measure: Duration::from_secs(1),
            warm_up: Duration::ZERO,
            grace: Duration::from_secs(1),
            body_bytes: 128,
            ids: Ids::Sequential,
            reconnect_every: None,
            threads: 1,
        }
    }

    fn complaint(change: impl FnOnce(&mut Plan)) -> String {
        let mut plan = plan();
        change(&mut plan);
        plan.check().unwrap_err().to_string()
    }

    #[test]
    fn a_complaint_names_the_argument_and_what_it_may_be() {
        plan().check().unwrap();
        assert!(complaint(|p| p.body_bytes = 8).contains("--body must be at least 32"));
        assert!(complaint(|p| p.in_flight = 0).contains("--in-flight"));
        assert!(complaint(|p| p.rate = Some(0.0)).contains("--rate"));
        assert!(complaint(|p| p.connections = 0).contains("--connections-idle"));
        assert!(complaint(|p| p.reconnect_every = Some(0)).contains("--reconnect-every"));
        assert!(complaint(|p| p.threads = 2).contains("--threads"));
    }

    #[test]
    fn methods_must_be_of_the_protocol() {
        let opcodes = complaint(|p| {
            p.protocol = Protocol::LengthId;
            p.methods = vec![method("charge").unwrap()];
        });
        assert!(opcodes.contains("opcodes"), "{opcodes}");
        assert!(
            complaint(|p| {
                p.protocol = Protocol::Redis;
                p.methods = vec![method("flushall").unwrap()];
            })
            .contains("get, set, echo and ping")
        );
    }

    #[test]
    fn a_method_may_have_a_weight() {
        assert_eq!(method("Shop:charge=2").unwrap().name, "Shop:charge");
        assert_eq!(method("charge=2").unwrap().weight, 2);
        assert!(method("charge=no").is_err());
        assert!(method("=2").is_err());
    }
}
