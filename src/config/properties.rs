//! Reads Java's `.properties` files, Kafka's `server.properties` among them. Deliberately knows no
//! key and keeps repeated ones: the caller lets the last one win.

use super::entry::{Entry, SyntaxError};

/// Reads a whole file. Bytes that are not UTF-8 are taken as ISO-8859-1, Java's old encoding.
pub(super) fn parse(bytes: &[u8]) -> Result<Vec<Entry>, SyntaxError> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().copied().map(char::from).collect(),
    };
    let mut entries = Vec::new();
    for (line, logical) in logical_lines(&text) {
        let (key, value) = split(&logical);
        let unescaped = |part| unescape(part).map_err(|problem| SyntaxError { line, problem });
        entries.push(Entry { line, key: unescaped(key)?, value: unescaped(value)? });
    }
    Ok(entries)
}

fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\x0c')
}

/// Drops blank lines and comments and joins the lines that end in an odd number of backslashes with
/// the next one, whose leading space is dropped. A comment line cannot be continued.
fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let mut lines = Vec::new();
    let mut open: Option<(usize, String)> = None;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n");
    for (index, natural) in text.split(['\n', '\r']).enumerate() {
        let content = natural.trim_start_matches(is_space);
        let is_new = open.is_none();
        if is_new && (content.is_empty() || content.starts_with(['#', '!'])) {
            continue;
        }
        let backslashes = content.chars().rev().take_while(|c| *c == '\\').count();
        let continues = backslashes % 2 == 1;
        let kept = if continues { &content[..content.len() - 1] } else { content };
        let (line, mut logical) = open.take().unwrap_or((index + 1, String::new()));
        logical.push_str(kept);
        if continues {
            open = Some((line, logical));
        } else {
            lines.push((line, logical));
        }
    }
    // A backslash at the end of the file continues into nothing.
    lines.extend(open.filter(|(_, logical)| !logical.is_empty()));
    lines
}

/// Cuts a logical line at the first `=`, `:` or space that is not escaped.
fn split(logical: &str) -> (&str, &str) {
    let mut escaped = false;
    let end = logical.find(|character: char| {
        let ends = !escaped && (matches!(character, '=' | ':') || is_space(character));
        escaped = !escaped && character == '\\';
        ends
    });
    let Some(end) = end else { return (logical, "") };
    let rest = logical[end..].trim_start_matches(is_space);
    let rest = rest.strip_prefix(['=', ':']).unwrap_or(rest);
    (&logical[..end], rest.trim_start_matches(is_space))
}

fn unescape(text: &str) -> Result<String, String> {
    let mut units: Vec<u16> = Vec::with_capacity(text.len());
    let mut characters = text.chars();
    let mut buffer = [0u16; 2];
    while let Some(character) = characters.next() {
        let plain = match character {
            '\\' => match characters.next() {
                Some('t') => '\t',
                Some('n') => '\n',
                Some('r') => '\r',
                Some('f') => '\x0c',
                Some('u') => {
                    units.push(unicode_escape(&mut characters)?);
                    continue;
                }
                Some(other) => other,
                None => continue,
            },
            other => other,
        };
        units.extend_from_slice(plain.encode_utf16(&mut buffer));
    }
    // Escapes are UTF-16: two of them may make one character.
    String::from_utf16(&units).map_err(|_| "a \\u escape is half a character".to_owned())
}

fn unicode_escape(characters: &mut std::str::Chars<'_>) -> Result<u16, String> {
    let mut unit = 0;
    for _ in 0..4 {
        match characters.next().and_then(|digit| digit.to_digit(16)) {
            Some(digit) => unit = unit * 16 + digit,
            None => return Err("\\u needs four hexadecimal digits".to_owned()),
        }
    }
    u16::try_from(unit).map_err(|_| "\\u needs four hexadecimal digits".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &[u8]) -> Vec<(String, String)> {
        let entries = parse(text).expect("the file is readable");
        entries.into_iter().map(|entry| (entry.key, entry.value)).collect()
    }

    fn one(text: &str) -> (String, String) {
        let mut pairs = pairs(text.as_bytes());
        assert_eq!(pairs.len(), 1, "{text:?}");
        pairs.remove(0)
    }

    fn pair(key: &str, value: &str) -> (String, String) {
        (key.to_owned(), value.to_owned())
    }

    #[test]
    fn separators_and_spaces() {
        for text in ["a=b", "a:b", "a b", "a = b", "  a\t:\tb", "a  b", "\x0ca=b", "a=\\\n   b"] {
            assert_eq!(one(text), pair("a", "b"), "{text:?}");
        }
        assert_eq!(one("a==b"), pair("a", "=b"));
        assert_eq!(one("a : = b"), pair("a", "= b"));
        assert_eq!(one("a"), pair("a", ""));
        assert_eq!(one("a="), pair("a", ""));
        // Space at the end of a value belongs to it.
        assert_eq!(one("a=b "), pair("a", "b "));
        assert_eq!(one("listeners=PLAINTEXT://:9092"), pair("listeners", "PLAINTEXT://:9092"));
    }

    #[test]
    fn comments_blank_lines_and_line_ends() {
        let text = b"# one\r\n! two\n\n  # three \\\na=1\r\nb=2\rc=3#no comment";
        assert_eq!(pairs(text), [pair("a", "1"), pair("b", "2"), pair("c", "3#no comment")]);
        assert_eq!(pairs(b""), []);
    }

    #[test]
    fn continuation_lines() {
        let fruits = "fruits  apple, banana, \\\n        pear, \\\n        # kiwi";
        assert_eq!(one(fruits), pair("fruits", "apple, banana, pear, # kiwi"));
        assert_eq!(pairs(b"a=1\\\\\nb=2"), [pair("a", "1\\"), pair("b", "2")]);
        assert_eq!(one("a=1\\"), pair("a", "1"));
        let lines: Vec<usize> =
            parse(b"\na=1\\\n\\\n2\nb=3").expect("readable").iter().map(|e| e.line).collect();
        assert_eq!(lines, [2, 5]);
    }

    #[test]
    fn escapes_and_encodings() {
        assert_eq!(one(r"a\ b\=c\:d=x"), pair("a b=c:d", "x"));
        assert_eq!(one(r"path=C:\\temp\tx\q"), pair("path", "C:\\temp\txq"));
        assert_eq!(one(r"a=\u00e9\ud83d\ude00"), pair("a", "é😀"));
        assert_eq!(one("a=é"), pair("a", "é"));
        assert_eq!(pairs(b"a=\xe9"), [pair("a", "é")]);
        let refused = parse(b"x=1\na=\\u12g4").expect_err("not hexadecimal");
        assert_eq!(refused.line, 2);
        assert!(parse(b"a=\\ud83d").is_err());
        assert!(parse(b"a=\\u12").is_err());
    }

    #[test]
    fn repeated_keys_are_kept_in_order() {
        assert_eq!(pairs(b"a=1\na=2"), [pair("a", "1"), pair("a", "2")]);
    }
}
