//! A bounded reader of hessian values: scalars, maps and objects, and the end of anything else.
//!
//! Two dialects are spoken in the field. *Final* is Hessian 2.0 as its specification stands,
//! which Dubbo's bodies use. *Draft* is the form before it (libraries of the 3.1 series), in which
//! SOFA's Java and Node libraries still write. They share integers and short texts and differ in
//! almost everything else.
//!
//! Sources: the Hessian 2.0 serialization specification (hessian.caucho.com/doc), section 4 and
//! its byte code map; for the draft, which has no text of its own, the readers of the libraries
//! that speak it.
//!
//! The reader copies nothing, and never calls itself: nested values are walked with a stack of
//! [`DEPTH_MAX`] places. It allocates only where a stream defines more than eight classes. Whatever does not fit, is not hessian, or ends too early
//! is `None`; what was claimed by a length is believed only as far as there are bytes.
#![warn(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::arithmetic_side_effects
)]

mod scalar;
pub use scalar::{Item, Scalar};

mod reader;
pub use reader::{CLASSES_MAX, DEPTH_MAX, Dialect, Reader};

mod pieces;

mod compound;

mod write;
pub use write::{TEXT_CHARS_MAX, overwrite, put_text};
