//! Ends this process with the one that started it.
//!
//! The demo gives its children a pipe as standard input. When the demo ends, in whichever way,
//! the kernel closes the pipe: that is the only signal which survives `kill -9` of the parent
//! without a line of unsafe code.

use std::io::BufRead;
use std::thread;

/// Starts a thread that ends the process as soon as standard input closes.
pub(crate) fn exit_with_stdin() {
    each_line(|_| {});
}

/// Starts a thread that gives each line of standard input to `obey`, and ends the process when
/// standard input closes.
pub(crate) fn each_line(obey: impl Fn(&str) + Send + 'static) {
    thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            match line {
                Ok(line) => obey(line.trim()),
                Err(_) => std::process::exit(1),
            }
        }
        std::process::exit(0);
    });
}
