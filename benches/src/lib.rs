//! What the micro benchmarks share: frames of three protocols, and a mesh in memory.
//!
//! It stands outside the request's path and must not know how anything is measured.

mod frames;
pub use frames::{Frames, Protocol};

mod mesh;
pub use mesh::{Mesh, state};
