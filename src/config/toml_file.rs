//! Reads a TOML file as flat, dotted keys: `log.retention.ms = 1`, `[log]` with `retention.ms = 1`
//! and `"log.retention.ms" = 1` are the same setting. Deliberately knows no key.

use toml::de::{DeTable, DeValue, Error};

use super::entry::{Entry, SyntaxError};

/// Reads a whole file, in the order of its lines.
pub(super) fn parse(text: &str) -> Result<Vec<Entry>, SyntaxError> {
    let table = DeTable::parse(text).map_err(|error| syntax_error(text, &error))?;
    let mut entries = Vec::new();
    flatten(text, "", table.get_ref(), &mut entries)?;
    entries.sort_by_key(|entry| entry.line);
    for (at, entry) in entries.iter().enumerate() {
        if let Some(earlier) = entries[..at].iter().find(|earlier| earlier.key == entry.key) {
            let problem = format!("{} is set on line {} already", entry.key, earlier.line);
            return Err(SyntaxError { line: entry.line, problem });
        }
    }
    Ok(entries)
}

fn syntax_error(text: &str, error: &Error) -> SyntaxError {
    let at = error.span().map_or(0, |span| span.start);
    SyntaxError { line: line_of(text, at), problem: error.message().replace('\n', ", ") }
}

fn line_of(text: &str, at: usize) -> usize {
    let before = &text.as_bytes()[..at.min(text.len())];
    1 + before.iter().filter(|byte| **byte == b'\n').count()
}

/// The parser limits how deep tables nest, so this recursion is bounded.
fn flatten(
    text: &str,
    prefix: &str,
    table: &DeTable<'_>,
    entries: &mut Vec<Entry>,
) -> Result<(), SyntaxError> {
    for (name, value) in table {
        let key = format!("{prefix}{}", name.get_ref());
        if let DeValue::Table(inner) = value.get_ref() {
            flatten(text, &format!("{key}."), inner, entries)?;
            continue;
        }
        let line = line_of(text, name.span().start);
        match plain(value.get_ref()) {
            Some(value) => entries.push(Entry { line, key, value }),
            None => {
                let problem = format!(
                    "{key} must be a text, a number, true, false or a list of these, not {}",
                    value.get_ref().type_str()
                );
                return Err(SyntaxError { line, problem });
            }
        }
    }
    Ok(())
}

/// The value as it would stand in a properties file.
fn plain(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => {
            Some(i64::from_str_radix(number.as_str(), number.radix()).ok()?.to_string())
        }
        DeValue::Float(number) => Some(number.as_str().to_owned()),
        DeValue::Boolean(truth) => Some(truth.to_string()),
        DeValue::Array(values) => {
            let is_list = |value: &DeValue<'_>| matches!(value, DeValue::Array(_));
            let texts = values.iter().map(|value| value.get_ref());
            let texts: Option<Vec<String>> =
                texts.map(|value| if is_list(value) { None } else { plain(value) }).collect();
            Some(texts?.join(","))
        }
        DeValue::Datetime(_) | DeValue::Table(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(text: &str) -> Vec<(usize, String, String)> {
        let entries = parse(text).expect("the file is readable");
        entries.into_iter().map(|entry| (entry.line, entry.key, entry.value)).collect()
    }

    #[test]
    fn all_ways_to_write_a_key_are_the_same() {
        for text in [
            "log.retention.ms = 5",
            "\"log.retention.ms\" = 5",
            "[log]\nretention.ms = 5",
            "[log.retention]\nms = 5",
            "log = { retention = { ms = 5 } }",
        ] {
            let line = text.lines().count();
            assert_eq!(entries(text), [(line, "log.retention.ms".into(), "5".into())], "{text}");
        }
    }

    #[test]
    fn values_become_texts() {
        let text = "a = \"x\"\nb = 0x10\nc = 1_000\nd = 0.5\ne = true\nf = [\"p\", \"q\"]\ng = []";
        let values: Vec<String> = entries(text).into_iter().map(|(_, _, value)| value).collect();
        assert_eq!(values, ["x", "16", "1000", "0.5", "true", "p,q", ""]);
    }

    #[test]
    fn errors_name_their_line() {
        for (text, line) in [
            ("a = 1\nb = \n", 2),
            ("a = 1\n\na = 2", 3),
            ("a.b = 1\n\"a.b\" = 2", 2),
            ("a = 1\nb = 1979-05-27", 2),
            ("a = [[1]]", 1),
            ("# x\na = 99999999999999999999", 2),
        ] {
            assert_eq!(parse(text).expect_err(text).line, line, "{text}");
        }
    }
}
