//! The project speaks of itself alone: no file may name a place that exists on one machine only.

use super::Fault;

/// Written in halves, or this file would be its own first fault.
const DENIED: [&str; 5] = [
    concat!("/wo", "rk/"),
    concat!("/tmp", "/w/"),
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("../sha", "red/"),
];

/// Judges any text file of the repository.
pub fn word_faults(file: &str, text: &str) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (index, line) in text.lines().enumerate() {
        for word in DENIED.iter().filter(|word| names(line, word)) {
            faults.push(Fault::new(
                file,
                index + 1,
                format!("names {word}, a place of one machine"),
            ));
        }
    }
    faults
}

/// A place begins where a path begins: behind a space, a quote or the like, not inside a path.
fn names(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        before.is_none_or(|c| !c.is_alphanumeric() && !matches!(c, '_' | '-' | '}' | '.' | '/'))
    })
}
