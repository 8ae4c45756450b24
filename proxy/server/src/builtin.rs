//! The one list of protocols that need no description: a new built-in codec is one line here.

use std::sync::Arc;

use weft_codec::Codec;
use weft_ron::Complaint;

/// Every built-in protocol, in the order in which complaints list them.
const BUILTINS: &[Builtin] = &[
    Builtin::new(
        "thrift",
        Source::Code(|| Arc::new(weft_thrift::Thrift::new())),
    ),
    Builtin::new("dubbo", Source::Code(|| Arc::new(weft_dubbo::Dubbo::new()))),
    Builtin::new("bolt", Source::Code(|| Arc::new(weft_bolt::Bolt::new()))),
    Builtin::new("redis", Source::Code(|| Arc::new(weft_resp::Resp::new()))),
    Builtin::new("tars", Source::Code(|| Arc::new(weft_tars::Tars::new()))),
    Builtin::new(
        "memcached",
        Source::Code(|| Arc::new(weft_memcached::Memcached::new())),
    ),
    Builtin::new("raw", Source::Code(|| Arc::new(weft_raw::Raw::new()))),
    Builtin::new(
        "brpc",
        Source::Description(
            "protocols/brpc/protocol.ron",
            include_str!("../../../protocols/brpc/protocol.ron"),
        ),
    ),
    Builtin::new(
        "kafka",
        Source::Description(
            "protocols/kafka/protocol.ron",
            include_str!("../../../protocols/kafka/protocol.ron"),
        ),
    ),
    Builtin::new(
        "mqtt",
        Source::Description(
            "protocols/mqtt/protocol.ron",
            include_str!("../../../protocols/mqtt/protocol.ron"),
        ),
    ),
    Builtin::new(
        "acme",
        Source::Description(
            "protocols/acme/protocol.ron",
            include_str!("../../../protocols/acme/protocol.ron"),
        ),
    ),
    Builtin::new(
        "length-id",
        Source::Description(
            "protocols/length-id/protocol.ron",
            include_str!("../../../protocols/length-id/protocol.ron"),
        ),
    ),
    Builtin::new(
        "cstruct",
        Source::Description(
            "protocols/cstruct/protocol.ron",
            include_str!("../../../protocols/cstruct/protocol.ron"),
        ),
    ),
    Builtin::new(
        "records",
        Source::Description(
            "protocols/records/protocol.ron",
            include_str!("../../../protocols/records/protocol.ron"),
        ),
    ),
];

/// A protocol that the proxy knows without a description.
#[derive(Clone, Copy, Debug)]
pub struct Builtin {
    /// The name that configurations write.
    pub name: &'static str,
    source: Source,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Source {
    /// A codec in Rust.
    Code(fn() -> Arc<dyn Codec>),
    /// A description: its file's name and its text.
    Description(&'static str, &'static str),
}

/// Every built-in protocol.
#[must_use]
pub fn all() -> &'static [Builtin] {
    BUILTINS
}

impl Builtin {
    pub(crate) const fn new(name: &'static str, source: Source) -> Self {
        Self { name, source }
    }

    /// A codec of this protocol.
    ///
    /// # Errors
    /// What is wrong with its description; never for the protocols of [`all`], as a test holds.
    pub fn codec(&self) -> Result<Arc<dyn Codec>, Vec<Complaint>> {
        match self.source {
            Source::Code(make) => Ok(make()),
            Source::Description(file, text) => describe(file, text),
        }
    }

    /// Its folder in the repository: specification, and vectors in `vectors/`.
    #[must_use]
    pub fn folder(&self) -> String {
        match (self.name, self.source) {
            // Redis is the system, RESP its protocol.
            ("redis", _) => "protocols/resp".to_owned(),
            (_, Source::Description(file, _)) => {
                let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
                folder.to_owned()
            }
            (name, Source::Code(_)) => format!("protocols/{name}"),
        }
    }

    /// The text of its description; `None` if it is written in Rust.
    #[must_use]
    pub fn description(&self) -> Option<&'static str> {
        match self.source {
            Source::Code(_) => None,
            Source::Description(_, text) => Some(text),
        }
    }

    /// Whether it is written in Rust: then no description may take its name.
    #[must_use]
    pub fn is_code(&self) -> bool {
        matches!(self.source, Source::Code(_))
    }
}

/// A codec from a description.
///
/// # Errors
/// What is wrong with the description.
pub fn describe(file: &str, text: &str) -> Result<Arc<dyn Codec>, Vec<Complaint>> {
    weft_layout::Layout::compile(file, text).map(|layout| Arc::new(layout) as Arc<dyn Codec>)
}

#[cfg(test)]
mod tests {
    use super::all;

    #[test]
    fn every_built_in_protocol_can_be_made_and_has_the_name_of_its_codec() {
        for builtin in all() {
            let codec = builtin.codec().unwrap();
            assert_eq!(codec.name(), builtin.name);
        }
    }
}
