//! The zlib transform: reading the beginning of a payload, and opening and closing a whole one.

use miniz_oxide::{
    deflate::compress_to_vec_zlib,
    inflate::{
        TINFLStatus,
        core::{
            DecompressorOxide, decompress,
            inflate_flags::{
                TINFL_FLAG_PARSE_ZLIB_HEADER, TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF,
            },
        },
        decompress_to_vec_zlib_with_limit,
    },
};

/// How many bytes of a compressed message are read to learn what it is.
pub(crate) const BEGIN_BYTES: usize = 1024;

/// The most bytes that an answer may have when it is opened to put the caller's id in.
pub(crate) const OPEN_BYTES_MAX: usize = 16 << 20;

/// Level of compression of an answer that is closed again: fast.
const LEVEL: u8 = 1;

/// The beginning of a compressed message, on the stack.
pub(crate) struct Beginning {
    bytes: [u8; BEGIN_BYTES],
    len: usize,
    /// Nothing follows these bytes.
    pub(crate) whole: bool,
}

impl Beginning {
    /// Inflates the first [`BEGIN_BYTES`] of `payload`, or `None` if it is not zlib.
    pub(crate) fn of(payload: &[u8]) -> Option<Self> {
        let mut bytes = [0; BEGIN_BYTES];
        let mut inflater = DecompressorOxide::new();
        let flags = TINFL_FLAG_PARSE_ZLIB_HEADER | TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
        let (status, _, len) = decompress(&mut inflater, payload, &mut bytes, 0, flags);
        match status {
            TINFLStatus::Done | TINFLStatus::HasMoreOutput => Some(Self {
                bytes,
                len,
                whole: status == TINFLStatus::Done,
            }),
            _ => None,
        }
    }

    /// The bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

/// The whole payload, or `None` if it is not zlib or over [`OPEN_BYTES_MAX`].
pub(crate) fn open(payload: &[u8]) -> Option<Vec<u8>> {
    decompress_to_vec_zlib_with_limit(payload, OPEN_BYTES_MAX).ok()
}

/// The payload compressed.
pub(crate) fn close(message: &[u8]) -> Vec<u8> {
    compress_to_vec_zlib(message, LEVEL)
}
