//! The size and the manners of a source file: what a reader can rely on without opening it.

use super::Fault;
use super::tokens::{Token, closing, is, tokens, without_tests};

/// Lines of a function, from `fn` to its closing brace.
pub const FUNCTION_LINES_MAX: usize = 70;
/// Lines of a file that the broker is built from.
pub const FILE_LINES_MAX: usize = 600;
/// Lines of a file of tests.
pub const TEST_FILE_LINES_MAX: usize = 1000;
/// Characters of a line.
pub const COLUMNS_MAX: usize = 100;

/// Written by a script, so its length is nobody's burden.
const GENERATED: &str = "src/wire/shapes.rs";

/// Whether all of the file is test code.
pub fn is_test_file(file: &str) -> bool {
    let name = file.rsplit('/').next().unwrap_or(file);
    name == "tests.rs"
        || name.ends_with("_tests.rs")
        || file.starts_with("protocol-tests/")
        || file.split('/').any(|folder| folder == "tests")
}

/// Judges one Rust file, named from the repository's root.
pub fn shape_faults(file: &str, source: &str) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut fault = |line: usize, text: String| faults.push(Fault::new(file, line, text));
    let opens_with_doc = source.lines().next().is_some_and(|line| line.starts_with("//! "));
    if !opens_with_doc {
        fault(1, "the file does not open with a //! line that says what it is".to_owned());
    }
    let lines_max = if is_test_file(file) { TEST_FILE_LINES_MAX } else { FILE_LINES_MAX };
    let lines = source.lines().count();
    if lines > lines_max && file != GENERATED {
        fault(lines, format!("{lines} lines, {lines_max} are allowed"));
    }
    for (index, line) in source.lines().enumerate() {
        let columns = line.chars().count();
        if columns > COLUMNS_MAX {
            fault(index + 1, format!("{columns} columns, {COLUMNS_MAX} are allowed"));
        }
    }
    let all = tokens(source);
    for (name, line, lines) in functions(&all) {
        if lines > FUNCTION_LINES_MAX {
            fault(line, format!("fn {name} has {lines} lines, {FUNCTION_LINES_MAX} are allowed"));
        }
    }
    for (at, token) in all.iter().enumerate() {
        let name = token.text.as_str();
        let unfinished = matches!(name, "todo" | "unimplemented" | "dbg");
        if unfinished && is(&all, at + 1, &["!"]) {
            fault(token.line, format!("{name}! has no place here"));
        }
    }
    if !is_test_file(file) {
        let code = without_tests(&all);
        for (at, token) in code.iter().enumerate() {
            if is(&code, at, &[".", "unwrap", "(", ")"]) {
                fault(token.line, "unwrap() outside tests: expect(\"why it cannot fail\")".into());
            }
        }
    }
    faults
}

/// Name, first line and number of lines of every function with a body.
fn functions(tokens: &[Token]) -> Vec<(&str, usize, usize)> {
    let mut found = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let Some(name) = tokens.get(at + 1).filter(|_| token.text == "fn") else { continue };
        if name.text == "(" {
            continue; // the type of a function pointer
        }
        let mut next = at + 2;
        while next < tokens.len() {
            match tokens[next].text.as_str() {
                ";" => break,
                "(" | "[" => next = closing(tokens, next),
                "{" => {
                    let last = tokens[closing(tokens, next)].line;
                    found.push((name.text.as_str(), token.line, last + 1 - token.line));
                    break;
                }
                _ => {}
            }
            next += 1;
        }
    }
    found
}
