//! The hop: what two Weft proxies say to each other around the frames of any protocol.
//!
//! A hop frame is a small header, then one frame of the service's own protocol, byte for byte as
//! its client or server wrote it. The header has the id by which the answer finds its request, so
//! the inner frame's own id is never patched and need not exist. `docs/hop.md` is the format.
//!
//! [`Outward`] is the codec of lanes that lead to another proxy: it wraps native requests and
//! unwraps answers. [`Inward`] is that of clients that are another proxy. Both know their inner
//! protocol by the contract only.
#![cfg_attr(
    not(test),
    warn(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        clippy::arithmetic_side_effects
    )
)]

mod header;
pub use header::{
    Extensions, FIXED_BYTES, FrameKind, HEADER_BYTES_MAX, Header, HeaderError, MAGIC, VERSION,
    write_attempt,
};

mod extension;
pub use extension::{Extension, NotWritable};

mod frames;
pub use frames::{first_bytes, sniff};

mod outward;
pub use outward::Outward;

mod inward;
pub use inward::{Answering, Inward, Noted, Taken, native_asked, note, note_not_executed, noted};

/// What a hop around `inner` is called.
fn name_of(inner: &dyn weft_codec::Codec) -> String {
    format!("hop:{}", inner.name())
}
