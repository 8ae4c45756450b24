//! Every described protocol of `protocols/` passes the proof kit over its vectors, and its
//! description is short enough to be read.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "the functions that tests share may fail as tests do"
)]

use std::path::{Path, PathBuf};

use weft_codec::proof::Proof;
use weft_codec::{Codec, Correlation, OneWayAnswers, Order};
use weft_layout::Layout;

/// Lines of a description that one can still read at once.
const LINES_MAX: usize = 80;

fn protocols() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../protocols")
}

#[track_caller]
fn layout(name: &str) -> Layout {
    let file = protocols().join(name).join("protocol.ron");
    let text = std::fs::read_to_string(file).unwrap();
    assert!(text.lines().count() < LINES_MAX, "{name} is too long");
    Layout::compile("protocol.ron", &text).unwrap_or_else(|complaints| {
        let said: Vec<_> = complaints.iter().map(ToString::to_string).collect();
        panic!("{name}: {}", said.join("\n"))
    })
}

#[test]
fn every_description_passes_the_proof_kit_over_its_vectors() {
    let mut proved = 0;
    for entry in std::fs::read_dir(protocols()).unwrap() {
        let folder = entry.unwrap().path();
        if !folder.join("protocol.ron").exists() {
            continue;
        }
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        let codec = layout(&name);
        assert_eq!(codec.name(), name);
        let report = Proof::new(&codec)
            .vectors(folder.join("vectors"))
            .unwrap()
            .mutations(60_000)
            .run_all()
            .unwrap_or_else(|failures| panic!("{name}: {failures}"));
        assert!(report.cuts > 0 && report.vectors > 0, "{name}");
        // Its frames alone end in a checksum.
        assert_eq!(report.tails > 0, name == "cstruct", "{report:?}");
        assert!(
            folder.join("spec.md").exists(),
            "{name} has no specification"
        );
        proved += 1;
    }
    assert!(proved >= 7, "{proved} descriptions");
}

#[test]
fn descriptions_declare_what_their_pages_say() {
    let traits = |name: &str| layout(name).traits().clone();
    assert_eq!(traits("mqtt").correlation, Correlation::Bound);
    assert_eq!(traits("records").correlation, Correlation::Exclusive);
    assert_eq!(traits("kafka").correlation, Correlation::ById);
    assert_eq!(traits("kafka").order, Order::InOrder);
    assert_eq!(traits("kafka").one_way_answers, OneWayAnswers::Never);
    assert!(traits("brpc").says.error);
    assert!(traits("cstruct").says.pong);
    assert_eq!(layout("cstruct").idempotent(), ["get", "list"]);
}
