//! Protocols that the language was not made for, described from one page each: see
//! `strangers/README.md`.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "the functions that tests share may fail as tests do"
)]

use std::path::Path;

use weft_codec::proof::Proof;
use weft_layout::Layout;

#[track_caller]
fn prove(name: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/strangers")
        .join(name);
    let text = std::fs::read_to_string(folder.join("protocol.ron")).unwrap();
    let codec = Layout::compile("protocol.ron", &text).unwrap_or_else(|complaints| {
        let said: Vec<_> = complaints.iter().map(ToString::to_string).collect();
        panic!("{name}: {}", said.join("\n"))
    });
    Proof::new(&codec)
        .vectors(folder.join("vectors"))
        .unwrap()
        .run_all()
        .unwrap_or_else(|failures| panic!("{name}: {failures}"));
}

#[test]
fn lantern_with_its_logins_and_watches_is_described() {
    prove("lantern");
}

#[test]
fn railbus_with_its_parameters_and_checksum_is_described() {
    prove("railbus");
}

#[test]
fn vault_with_its_columns_of_digits_is_described() {
    prove("vault");
}
