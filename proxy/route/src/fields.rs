//! What a rule may ask of a request.

use weft_codec::{Codec, Field, Head, Side, Value};

/// Answers a rule's questions about one request.
pub trait Fields {
    /// One field, or `None` where the request does not carry it.
    fn field(&self, field: Field<'_>) -> Option<Value<'_>>;
}

/// The fields of a frame, read by its codec.
#[derive(Debug)]
pub struct RequestFields<'a> {
    /// Reads the frame.
    pub codec: &'a dyn Codec,
    /// The request's head.
    pub head: &'a Head,
    /// Its bytes, at least the head.
    pub frame: &'a [u8],
}

impl Fields for RequestFields<'_> {
    fn field(&self, field: Field<'_>) -> Option<Value<'_>> {
        self.codec
            .field(Side::Downstream, self.head, self.frame, field)
    }
}
