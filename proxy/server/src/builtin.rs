//! The one list of protocols that need no description: a new built-in codec is one line here.

use std::sync::Arc;

use weft_codec::Codec;

/// A protocol that the proxy knows without a description.
#[derive(Clone, Copy, Debug)]
pub struct Builtin {
    /// The name that configurations write.
    pub name: &'static str,
    make: fn() -> Arc<dyn Codec>,
}

/// Every built-in protocol.
const BUILTINS: &[Builtin] = &[];

/// Every built-in protocol, in the order in which help texts list them.
#[must_use]
pub fn all() -> &'static [Builtin] {
    BUILTINS
}

impl Builtin {
    /// A codec of this protocol.
    #[must_use]
    pub fn codec(&self) -> Arc<dyn Codec> {
        (self.make)()
    }
}
