//! The shape of the code, judged by reading it: who imports whom, how long functions and files may
//! be, what a file must say and must not contain. The rules themselves are held against small bad
//! sources in `structure/rules_tests.rs`, for a rule that finds nothing may just be blind.
//!
//! It deliberately reads text and not a compiler's tree: what it wants is simple, and it must not
//! cost the build a parser.

#[path = "structure/apis.rs"]
mod apis;
#[path = "structure/arrows.rs"]
mod arrows;
#[path = "structure/paths.rs"]
mod paths;
#[path = "structure/rules_tests.rs"]
mod rules_tests;
#[path = "structure/shape.rs"]
mod shape;
#[path = "structure/tokens.rs"]
mod tokens;
#[path = "structure/words.rs"]
mod words;

use std::fs;
use std::path::{Path, PathBuf};

/// What is wrong, and where.
#[derive(Debug, PartialEq)]
pub struct Fault {
    file: String,
    line: usize,
    text: String,
}

impl Fault {
    /// A fault in a file named from the repository's root, in a line counted from 1.
    pub fn new(file: &str, line: usize, text: String) -> Fault {
        Fault { file: file.to_owned(), line, text }
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every file below a folder with its name from the repository's root, sorted. What is built,
/// fetched or binary is left out.
fn files(folder: &str) -> Vec<String> {
    const LEFT_OUT: [&str; 7] =
        [".git", "target", ".cache", "corpus", "artifacts", "coverage", "node_modules"];
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(root().join(&folder));
        for entry in entries.unwrap_or_else(|error| panic!("{folder}: {error}")) {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().expect("file names are UTF-8");
            let path = if folder == "." { name.clone() } else { format!("{folder}/{name}") };
            match entry.file_type().unwrap().is_dir() {
                // In a worktree `.git` is a file.
                _ if LEFT_OUT.contains(&name.as_str()) => {}
                true => folders.push(path),
                false => found.push(path),
            }
        }
    }
    found.sort();
    found
}

fn rust_files(folder: &str) -> Vec<(String, String)> {
    let mut names = files(folder);
    names.retain(|file| file.ends_with(".rs"));
    names.into_iter().map(|file| (file.clone(), read(&file))).collect()
}

fn read(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn assert_none(faults: &[Fault]) {
    let line = |fault: &Fault| format!("  {}:{}: {}\n", fault.file, fault.line, fault.text);
    let list: String = faults.iter().map(line).collect();
    assert!(faults.is_empty(), "{} faults:\n{list}", faults.len());
}

#[test]
fn modules_import_only_what_they_may() {
    let sources = rust_files("src");
    assert!(sources.len() > 50, "only {} files in src", sources.len());
    let faults: Vec<Fault> =
        sources.iter().flat_map(|(file, source)| arrows::arrow_faults(file, source)).collect();
    assert_none(&faults);
}

#[test]
fn files_have_the_shape_they_must() {
    let mut sources = rust_files("src");
    sources.extend(rust_files("protocol-tests"));
    sources.extend(rust_files("fuzz"));
    let faults: Vec<Fault> =
        sources.iter().flat_map(|(file, source)| shape::shape_faults(file, source)).collect();
    assert_none(&faults);
}

#[test]
fn every_api_has_its_test() {
    let folder = "protocol-tests/tests/api";
    let roots = [format!("{folder}/main.rs"), format!("{folder}.rs")];
    let root_file = roots.iter().find(|file| root().join(file).exists());
    let root_file = root_file.unwrap_or_else(|| panic!("the API tests lack their {}", roots[0]));
    let files_of_tests = files(folder);
    let names = files_of_tests.iter().filter_map(|file| file.rsplit('/').next());
    let tests: Vec<String> = names.map(str::to_owned).collect();
    let handlers = rust_files("src/api");
    assert_none(&apis::api_faults(&read("src/api/mod.rs"), &tests, &read(root_file), &handlers));
}

#[test]
fn no_file_names_a_place_of_one_machine() {
    const BINARY: [&str; 4] = ["bin", "png", "gz", "hex"];
    let mut faults = Vec::new();
    for file in files(".") {
        let extension = file.rsplit('.').next().unwrap_or("");
        if BINARY.contains(&extension) {
            continue;
        }
        let bytes = fs::read(root().join(&file)).unwrap();
        faults.extend(words::word_faults(&file, &String::from_utf8_lossy(&bytes)));
    }
    assert_none(&faults);
}
