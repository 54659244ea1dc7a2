//! Every API of the table has its test, and every handler is in the table.

use super::Fault;
use super::tokens::{closing, is, tokens};

const API_TABLE: &str = "src/api/mod.rs";

/// Names of the modules in the `apis!` table.
pub fn rows(api_mod: &str) -> Vec<String> {
    let tokens = tokens(api_mod);
    let table = (0..tokens.len()).find(|at| is(&tokens, *at, &["apis", "!", "{"]));
    let Some(open) = table.map(|at| at + 2) else { return Vec::new() };
    let row = &tokens[open..closing(&tokens, open)];
    let names = (0..row.len()).filter(|at| is(row, at + 1, &["::"]));
    names.map(|at| row[at].text.clone()).collect()
}

/// `test_files` are the names of the files in the folder of API tests, `test_root` is the source
/// that declares them as modules, `handlers` are the files of `src/api` with their sources.
pub fn api_faults(
    api_mod: &str,
    test_files: &[String],
    test_root: &str,
    handlers: &[(String, String)],
) -> Vec<Fault> {
    let mut faults = Vec::new();
    let rows = rows(api_mod);
    if rows.is_empty() {
        faults.push(Fault::new(API_TABLE, 1, "there is no apis! table".to_owned()));
    }
    let declared = tokens(test_root);
    for row in &rows {
        let test = format!("protocol-tests/tests/api/{row}.rs");
        if !test_files.contains(&format!("{row}.rs")) {
            faults.push(Fault::new(API_TABLE, 1, format!("{row} has no test {test}")));
        } else if !(0..declared.len()).any(|at| is(&declared, at, &["mod", row, ";"])) {
            faults.push(Fault::new(&test, 1, "no program of tests declares this file".to_owned()));
        }
    }
    for (file, source) in handlers {
        let name = file.trim_start_matches("src/api/").trim_end_matches(".rs");
        let tokens = tokens(source);
        let is_handler = (0..tokens.len()).any(|at| is(&tokens, at, &["impl", "Api", "for"]));
        if is_handler && !rows.iter().any(|row| row == name) {
            faults.push(Fault::new(file, 1, "this handler is not in the apis! table".to_owned()));
        }
    }
    faults
}
