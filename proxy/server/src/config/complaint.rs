//! What is wrong with a configuration, where, and how to mend it.

use std::path::Path;

/// One thing that is wrong in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// The file.
    pub file: String,
    /// Line, counted from 1; 0 if it is about the whole file.
    pub line: usize,
    /// Column, counted from 1; 0 if it is about the whole file.
    pub column: usize,
    /// What is wrong.
    pub message: String,
}

impl Complaint {
    /// A complaint about a file as a whole.
    #[must_use]
    pub fn about_file(path: &Path, message: impl Into<String>) -> Self {
        Self {
            file: path.display().to_string(),
            line: 0,
            column: 0,
            message: message.into(),
        }
    }
}

impl std::fmt::Display for Complaint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.line == 0 {
            write!(f, "{}: {}", self.file, self.message)
        } else {
            write!(
                f,
                "{}:{}:{}: {}",
                self.file, self.line, self.column, self.message
            )
        }
    }
}
