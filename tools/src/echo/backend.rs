//! One request in, one answer out, in each protocol.

use std::sync::Arc;

use super::behaviour::{Behaviour, Fate};
use super::store::Store;
use crate::wire::{
    Nonsense, Protocol, Reply, Request, RequestKind, acme, length_id, redis, thrift,
};

/// What all threads of a sample backend share.
#[derive(Clone, Debug)]
pub(crate) struct Backend {
    /// What it speaks.
    pub(crate) protocol: Protocol,
    /// What it says its name is.
    pub(crate) name: Arc<str>,
    /// How it misbehaves.
    pub(crate) behaviour: Arc<Behaviour>,
    /// What it remembers, if it is a Redis.
    pub(crate) store: Arc<Store>,
}

/// What was done about one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Served {
    /// The length of the request.
    pub(crate) frame_bytes: usize,
    /// What became of it.
    pub(crate) fate: Fate,
}

impl Backend {
    /// Serves the first request of `bytes` and appends its answer, if it gets one, to `out`;
    /// `None` while the request is not whole.
    pub(crate) fn serve(
        &self,
        bytes: &[u8],
        random: &mut fastrand::Rng,
        out: &mut Vec<u8>,
    ) -> Result<Option<Served>, Nonsense> {
        if self.protocol == Protocol::Redis {
            return self.serve_redis(bytes, random, out);
        }
        let request = match self.protocol {
            Protocol::Thrift => thrift::read_request(bytes)?,
            Protocol::Acme => acme::read_request(bytes)?,
            Protocol::LengthId | Protocol::Redis => length_id::read_request(bytes)?,
        };
        let Some(request) = request else {
            return Ok(None);
        };
        let fate = match request.kind {
            RequestKind::Call => self.behaviour.fate(random),
            RequestKind::OneWay | RequestKind::Ping => Fate::Answer,
        };
        if fate != Fate::Close && request.kind != RequestKind::OneWay {
            self.write_answer(&request, fate, out);
        }
        Ok(Some(Served {
            frame_bytes: request.frame_bytes,
            fate,
        }))
    }

    fn write_answer(&self, request: &Request<'_>, fate: Fate, out: &mut Vec<u8>) {
        let reply = Reply {
            error: fate == Fate::Error,
            backend: self.name.as_bytes(),
        };
        match self.protocol {
            Protocol::Thrift => thrift::write_answer(request, &reply, out),
            Protocol::Acme => acme::write_answer(request, &reply, out),
            Protocol::LengthId | Protocol::Redis => length_id::write_answer(request, &reply, out),
        }
    }

    fn serve_redis(
        &self,
        bytes: &[u8],
        random: &mut fastrand::Rng,
        out: &mut Vec<u8>,
    ) -> Result<Option<Served>, Nonsense> {
        let Some(command) = redis::read_command(bytes)? else {
            return Ok(None);
        };
        let fate = self.behaviour.fate(random);
        match fate {
            Fate::Answer if command.count > 0 => {
                self.store.answer(&command, self.name.as_bytes(), out);
            }
            Fate::Error if command.count > 0 => out.extend_from_slice(b"-ERR sample error\r\n"),
            // An empty line asks nothing.
            Fate::Answer | Fate::Error | Fate::Close => {}
        }
        Ok(Some(Served {
            frame_bytes: command.frame_bytes,
            fate,
        }))
    }
}
