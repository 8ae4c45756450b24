//! The contract between Weft and a wire protocol.
//!
//! A [`Codec`] reads and patches the frames of one protocol. It finds where frames end
//! ([`Codec::scan`]), remembers what an answer must carry back ([`Codec::remember`]), gives the
//! fields that rules ask for ([`Codec::field`]), says what an answer means
//! ([`Codec::classify`]), copies a frame with another id in it ([`Codec::emit`]), speaks the
//! protocol's own words where the mesh must ([`Codec::say`]) and names a frame's parts for
//! people ([`Codec::parts`]).
//!
//! A codec knows no socket, no clock, no thread, no metrics and no other codec. It never
//! panics, never allocates by a length that it read, and answers malformed bytes with a
//! [`Malformed`] that names the offset.
//!
//! Modules stand in the order in which a frame meets them.

mod traits;
pub use traits::{
    Balance, ConnectionState, Correlation, IdDomain, IdKind, KeyNames, OneWayAnswers, Order,
    Sayings, Speaker, Traits,
};

mod scan;
pub use scan::{Limits, Malformed, ScanState, Scanned, Side, Sniff};

mod head;
pub use head::{Cut, Effect, Head, Kind, Span};

mod field;
pub use field::{Field, Value, Verdict};

mod asked;
pub use asked::Asked;

mod emit;
pub use emit::{EmitError, NewId, Rewrite};

mod tail;
pub use tail::{CHECKSUM_BYTES_MAX, MendedSum, RunningSum, Tail, Taken};

mod say;
pub use say::{CannotSay, ProxyError, Say};

mod part;
pub use part::{Part, Parts};

mod codec;
pub use codec::Codec;

mod share;
pub use share::{Choice, SNIFF_BYTES_MAX, choose};

#[cfg(feature = "proof")]
pub mod proof;
