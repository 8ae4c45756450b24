//! Every target over its committed corpus, over the captured frames, and over damaged copies of
//! both: what a fuzzer does, for seconds and without one.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed, and says why"
)]

use std::path::{Path, PathBuf};

use weft_fuzz::{TARGETS, Target, run, seeds};

/// How many damaged inputs each target gets.
const DAMAGED: usize = 20_000;

fn folder(target: &Target) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(target.name)
}

/// The committed inputs of a target in the order of their names, and what fuzzers begin with.
fn corpus(target: &Target) -> Vec<(String, Vec<u8>)> {
    let folder = folder(target);
    let entries =
        std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut inputs: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read(&path).unwrap())
        })
        .collect();
    inputs.sort();
    let seeds = seeds(target.name).unwrap_or_else(|error| panic!("{error}"));
    let numbered = (0..).zip(seeds);
    inputs.extend(numbered.map(|(number, seed): (u32, _)| (format!("seed {number}"), seed)));
    inputs
}

#[test]
fn nothing_is_wrong_with_any_input_of_the_corpus() {
    for target in TARGETS {
        let inputs = corpus(target);
        assert!(inputs.len() >= 4, "{} has hardly a corpus", target.name);
        for (name, input) in inputs {
            if let Err(wrong) = (target.body)(&input) {
                panic!("{}/{name}: {wrong}", target.name);
            }
        }
    }
}

#[test]
fn nothing_is_wrong_with_damaged_inputs() {
    for target in TARGETS {
        let inputs = corpus(target);
        let mut rng = fastrand::Rng::with_seed(1);
        for round in 0..DAMAGED {
            let (name, input) = rng.choice(&inputs).unwrap();
            let mut input = input.clone();
            for _ in 0..rng.usize(1..4) {
                damage(&mut rng, &mut input);
            }
            if let Err(wrong) = (target.body)(&input) {
                let target = target.name;
                panic!("{target}/{name}, round {round}: {wrong}: {input:02x?}");
            }
        }
    }
}

#[test]
fn every_target_has_its_program_and_every_program_its_target() {
    let mut programs: Vec<String> =
        std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("libfuzzer/targets"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
            .collect();
    let mut targets: Vec<String> = TARGETS
        .iter()
        .map(|target| target.name.to_owned())
        .collect();
    programs.sort();
    targets.sort();
    assert_eq!(programs, targets);
}

#[test]
#[should_panic(expected = "there is no target nothing")]
fn a_target_that_is_not_there_is_no_success() {
    run("nothing", b"");
}

fn damage(rng: &mut fastrand::Rng, input: &mut Vec<u8>) {
    if input.is_empty() {
        input.push(rng.u8(..));
    }
    let at = rng.usize(..input.len());
    match rng.u8(..6) {
        0 => input[at] ^= 1 << rng.u8(..8),
        1 => input[at] = rng.u8(..),
        2 => input.insert(at, rng.u8(..)),
        3 => drop(input.remove(at)),
        4 => input.truncate(at),
        _ => {
            let end = rng.usize(at..input.len()).min(at + 64);
            let copy = input[at..end].to_vec();
            input.splice(at..at, copy);
        }
    }
}
