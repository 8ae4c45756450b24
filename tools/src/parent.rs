//! Ends this process with the one that started it.
//!
//! The demo gives its children a pipe as standard input and never writes to it. When the demo
//! ends, in whichever way, the kernel closes the pipe: that is the only signal which survives
//! `kill -9` of the parent without a line of unsafe code.

use std::io::Read;
use std::thread;

/// Starts a thread that ends the process as soon as standard input closes.
pub(crate) fn exit_with_stdin() {
    thread::spawn(|| {
        let mut stdin = std::io::stdin().lock();
        let mut scratch = [0_u8; 64];
        loop {
            match stdin.read(&mut scratch) {
                Ok(0) => std::process::exit(0),
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(_) => std::process::exit(1),
            }
        }
    });
}
