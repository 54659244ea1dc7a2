//! What a configuration file of either form comes to: keys and values with their lines.
//! Deliberately knows neither form.

/// One key and value with the line, counted from 1, on which it begins.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub line: usize,
    pub key: String,
    pub value: String,
}

/// Why a file is not written as it should be, with the line, counted from 1.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SyntaxError {
    pub line: usize,
    pub problem: String,
}
