//! Finds every path that a source names, in `use` trees and inline, and resolves `self`, `super`
//! and the crate's own name, so that no spelling of an import escapes the rules. It does not know
//! what the names stand for: a rename (`use a as b`) is judged where it is written.

use super::tokens::{Token, is};

/// A path as the crate's root would name it: `["crate", "kernel", "types"]` or `["std", "fs"]`.
pub type Segments = Vec<String>;

/// The module that a file is: `src/storage/rocks.rs` is `["crate", "storage", "rocks"]`.
pub fn module_of(file: &str) -> Segments {
    let inner = file.strip_prefix("src/").unwrap_or(file).trim_end_matches(".rs");
    let mut segments = vec!["crate".to_owned()];
    segments.extend(inner.split('/').map(str::to_owned));
    let is_its_folder = matches!(segments.last().map(String::as_str), Some("mod" | "lib" | "main"));
    if is_its_folder {
        segments.pop();
    }
    segments
}

/// All paths of at least two segments with their lines.
pub fn paths(tokens: &[Token], module: &Segments) -> Vec<(Segments, usize)> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let begins = is_name(&tokens[at].text) && (at == 0 || tokens[at - 1].text != "::");
        if begins && tokens[at].text == "use" {
            let first = found.len();
            at = tree(tokens, at + 1, &Vec::new(), &mut found);
            for (path, _) in &mut found[first..] {
                *path = resolve(std::mem::take(path), module);
            }
        } else if begins && is(tokens, at + 1, &["::"]) {
            let line = tokens[at].line;
            let mut path = vec![tokens[at].text.clone()];
            while is(tokens, at + 1, &["::"])
                && tokens.get(at + 2).is_some_and(|next| is_name(&next.text))
            {
                path.push(tokens[at + 2].text.clone());
                at += 2;
            }
            found.push((resolve(path, module), line));
        }
        at += 1;
    }
    found
}

/// Reads one tree of a `use`, such as `a::{b, c::*}`, and returns the index it stopped at.
fn tree(
    tokens: &[Token],
    start: usize,
    prefix: &Segments,
    found: &mut Vec<(Segments, usize)>,
) -> usize {
    let mut path = prefix.clone();
    let mut at = start;
    let (mut is_group, mut is_empty) = (false, true);
    while at < tokens.len() {
        let text = tokens[at].text.as_str();
        if matches!(text, "," | "}" | ";") {
            break;
        }
        is_empty = false;
        match text {
            "{" => {
                is_group = true;
                loop {
                    at = tree(tokens, at + 1, &path, found);
                    if !is(tokens, at, &[","]) {
                        break;
                    }
                }
            }
            "as" => at += 1,
            "self" if !path.is_empty() => {}
            "::" => {}
            name => path.push(name.to_owned()),
        }
        at += 1;
    }
    if !is_group && !is_empty {
        found.push((path, tokens[start].line));
    }
    at
}

fn resolve(path: Segments, module: &Segments) -> Segments {
    let mut names = path.into_iter().peekable();
    let mut resolved = match names.peek().map(String::as_str) {
        Some("felice") => {
            names.next();
            vec!["crate".to_owned()]
        }
        Some("self" | "super") => module.clone(),
        _ => return names.collect(),
    };
    while let Some(name) = names.next_if(|name| matches!(name.as_str(), "self" | "super")) {
        if name == "super" {
            resolved.pop();
        }
    }
    resolved.extend(names);
    resolved
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
}
