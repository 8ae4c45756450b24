//! Texts that people write: configurations, and what is said about their mistakes.

use std::path::Path;

use weft_proxy::config;

/// Bytes of a text that is read.
const TEXT_BYTES_MAX: usize = 32 << 10;

/// A configuration, whose descriptions of protocols are looked for in a folder that does not
/// exist. Texts that name a file from the root are left out: they would read what is not theirs.
pub(crate) fn config(input: &[u8]) -> Result<(), String> {
    let input = input.get(..TEXT_BYTES_MAX).unwrap_or(input);
    let Ok(text) = std::str::from_utf8(input) else {
        return Ok(());
    };
    if names_files_elsewhere(text) {
        return Ok(());
    }
    match config::parse("fuzz.ron", text, Path::new("no-such-folder")) {
        Ok(config) => {
            // What was found good must also be able to run.
            let _ = config.state(1);
            Ok(())
        }
        Err(complaints) => placed(text, &complaints),
    }
}

fn names_files_elsewhere(text: &str) -> bool {
    ["\"/", "..", "\\", "r#"]
        .iter()
        .any(|word| text.contains(word))
}

/// At least one complaint, each in words and at a place of the text.
pub(crate) fn placed(text: &str, complaints: &[weft_layout::Complaint]) -> Result<(), String> {
    if complaints.is_empty() {
        return Err("refused without a complaint".to_owned());
    }
    let lines = text.split('\n').count();
    for complaint in complaints.iter().filter(|found| found.file == "fuzz.ron") {
        let line = complaint.line as usize;
        let columns = text.split('\n').nth(line.saturating_sub(1));
        let columns = columns
            .map_or(0, |line| line.chars().count())
            .saturating_add(1);
        let column = complaint.column as usize;
        let in_text = (1..=lines).contains(&line) && (1..=columns).contains(&column);
        if !in_text || complaint.message.is_empty() {
            return Err(format!("{complaint:?} of {lines} lines"));
        }
    }
    Ok(())
}
