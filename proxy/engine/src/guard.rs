//! A codec's parser meets bytes from strangers. It must not panic; if it does, the connection
//! whose bytes it read is closed like one with malformed bytes, and nothing else.
//!
//! Only the scan is guarded: everything after it works on heads that a scan has found good. A
//! panic there costs the worker (see the shell), because the engine's tables may be torn.

use std::panic::{AssertUnwindSafe, catch_unwind};

use weft_codec::{Codec, Head, Limits, Malformed, ScanState, Scanned, Side};

/// [`Codec::scan`], with a panic turned into a complaint.
pub(crate) fn scan(
    codec: &dyn Codec,
    side: Side,
    limits: &Limits,
    state: &mut ScanState,
    bytes: &[u8],
    heads: &mut Vec<Head>,
) -> Result<Scanned, Malformed> {
    // The state and the heads are dropped or cleared below, so that it does not matter how far
    // the codec came with them.
    let scan = || codec.scan(side, limits, state, bytes, heads);
    match catch_unwind(AssertUnwindSafe(scan)) {
        Ok(scanned) => scanned,
        Err(_) => {
            heads.clear();
            let words = "the codec panicked over these bytes, which is a defect of the codec";
            Err(Malformed::new(0, words))
        }
    }
}
