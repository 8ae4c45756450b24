//! What fuzzers feed: one function over arbitrary bytes for each codec, for the described
//! protocols, for the compiler of descriptions with its programs, and for the reader of
//! configurations.
//!
//! Each looks for more than panics: the promises of the contract, as the proof kit knows them. The same
//! functions run under libFuzzer (`libfuzzer/`, a package of its own, because it takes a compiler
//! with coverage switched on) and in this crate's tests over the committed corpus and damaged copies of
//! it. The targets read no file and no clock, so that a finding can be repeated from its bytes alone.

mod capture;
mod codecs;
mod described;
mod hessian;
mod hop;
mod text;

mod seeds;
pub use seeds::seeds;

/// One target: what a fuzzer runs by name.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name: of its corpus folder and of its program.
    pub name: &'static str,
    /// What is done with one input.
    ///
    /// # Errors
    /// What the code under test did wrong, in words. It panics only where that code does.
    pub body: fn(&[u8]) -> Result<(), String>,
}

/// Every target.
pub const TARGETS: &[Target] = &[
    Target::new("thrift", codecs::thrift),
    Target::new("resp", codecs::resp),
    Target::new("dubbo", codecs::dubbo),
    Target::new("bolt", codecs::bolt),
    Target::new("tars", codecs::tars),
    Target::new("memcached", codecs::memcached),
    Target::new("acme", codecs::acme),
    Target::new("hessian2", hessian::read),
    Target::new("layout", described::shipped),
    Target::new("compiler", described::compiled),
    Target::new("config", text::config),
    Target::new("capture", capture::read),
    Target::new("hop", hop::stream),
];

impl Target {
    const fn new(name: &'static str, body: fn(&[u8]) -> Result<(), String>) -> Self {
        Self { name, body }
    }
}

/// Runs the target of this name over `input`.
///
/// # Panics
/// If something is wrong: that is how fuzzers take notice. Also if there is no such target.
#[expect(clippy::panic, reason = "a panic is how a fuzzer is told of a finding")]
pub fn run(name: &str, input: &[u8]) {
    let Some(target) = TARGETS.iter().find(|target| target.name == name) else {
        panic!("there is no target {name}");
    };
    if let Err(wrong) = (target.body)(input) {
        panic!("{name}: {wrong}");
    }
}
