//! Protocols that were described from a page and the language's reference alone pass the proof
//! kit, in descriptions that stay short.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "the functions that tests share may fail as tests do"
)]

use std::path::PathBuf;

use weft_codec::proof::{Proof, Report};
use weft_layout::Layout;

/// The most lines of a description, comments included.
const LINES_MAX: usize = 80;

fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/strangers")
        .join(name)
}

fn description(name: &str) -> String {
    std::fs::read_to_string(folder(name).join("protocol.ron")).unwrap()
}

/// Proves one stranger over its own vectors.
#[track_caller]
fn proven(name: &str) -> Report {
    let layout = Layout::compile(name, &description(name)).unwrap_or_else(|complaints| {
        let said: Vec<_> = complaints.iter().map(ToString::to_string).collect();
        panic!("{}", said.join("\n"))
    });
    let report = Proof::new(&layout)
        .vectors(folder(name).join("vectors"))
        .unwrap()
        .mutations(60_000)
        .run_all()
        .unwrap_or_else(|failures| panic!("{failures}"));
    assert_eq!(report.mutations, 60_000);
    assert!(report.cuts > 0 && report.ids > 0 && report.replies > 0);
    report
}

#[test]
fn lines_with_decimal_ids_pass_the_proof_kit() {
    proven("tally");
}

#[test]
fn columns_of_characters_behind_a_decimal_length_pass_the_proof_kit() {
    proven("vault");
}

#[test]
fn telegrams_with_parameters_and_a_checksum_pass_the_proof_kit() {
    proven("railbus");
}

#[test]
fn headers_whose_tags_tell_the_form_of_their_values_pass_the_proof_kit() {
    proven("kestrel");
}

#[test]
fn a_login_and_a_subscription_behind_ids_of_one_byte_pass_the_proof_kit() {
    proven("lantern");
}

#[test]
fn no_description_of_a_stranger_is_long() {
    let mut strangers = 0;
    for entry in std::fs::read_dir(folder("")).unwrap() {
        let entry = entry.unwrap();
        if !entry.file_type().unwrap().is_dir() {
            continue;
        }
        let name = entry.file_name().into_string().unwrap();
        let lines = description(&name).lines().count();
        assert!(lines < LINES_MAX, "{name} has {lines} lines");
        strangers += 1;
    }
    assert_eq!(strangers, 5);
}
