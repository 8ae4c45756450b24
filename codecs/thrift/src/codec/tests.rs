//! The codec against its vectors, and the corners that no capture has.

use weft_codec::proof::Proof;

use super::*;

const VECTORS: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../protocols/thrift/vectors"
);

#[test]
fn the_proof_holds_over_every_captured_frame() {
    let codec = Thrift::new();
    let report = Proof::new(&codec)
        .vectors(VECTORS)
        .unwrap_or_else(|error| panic!("{error}"))
        .mutations(120_000)
        .run_all()
        .unwrap_or_else(|failures| panic!("{failures}"));
    assert!(report.vectors >= 180, "{report:?}");
    assert!(report.mutations >= 100_000, "{report:?}");
    // The damage must leave something to look into, and break something.
    assert!(report.mutated_heads > 50_000, "{report:?}");
    assert!(report.mutated_complaints > 20_000, "{report:?}");
}
