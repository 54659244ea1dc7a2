//! Cuts Rust source into tokens, so that no rule mistakes a comment or a string for code. It knows
//! names, literals and single punctuation characters (and `::`); it deliberately knows no grammar.

/// One token and the line it begins on, counted from 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    /// A name, `::`, one punctuation character, or [`LITERAL`].
    pub text: String,
    /// Line, from 1.
    pub line: usize,
}

/// Stands for every string, character and byte literal.
pub const LITERAL: &str = "\"\"";

/// Cuts a source into its tokens; comments are left out.
pub fn tokens(source: &str) -> Vec<Token> {
    let mut cutter = Cutter { rest: source, line: 1, tokens: Vec::new() };
    while let Some(next) = cutter.rest.chars().next() {
        cutter.cut(next);
    }
    cutter.tokens
}

struct Cutter<'a> {
    rest: &'a str,
    line: usize,
    tokens: Vec<Token>,
}

impl Cutter<'_> {
    fn cut(&mut self, next: char) {
        let rest = self.rest;
        if next.is_whitespace() {
            self.skip(next.len_utf8());
        } else if rest.starts_with("//") {
            self.skip(rest.find('\n').unwrap_or(rest.len()));
        } else if rest.starts_with("/*") {
            self.skip(block_comment(rest));
        } else if let Some(length) = literal(rest) {
            self.take(LITERAL, length);
        } else if next.is_alphanumeric() || next == '_' {
            let length = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
            self.take_here(length.unwrap_or(rest.len()));
        } else if rest.starts_with("::") {
            self.take_here(2);
        } else {
            self.take_here(next.len_utf8());
        }
    }

    fn skip(&mut self, length: usize) {
        let (skipped, rest) = self.rest.split_at(length);
        self.line += skipped.matches('\n').count();
        self.rest = rest;
    }

    fn take(&mut self, text: &str, length: usize) {
        self.tokens.push(Token { text: text.to_owned(), line: self.line });
        self.skip(length);
    }

    fn take_here(&mut self, length: usize) {
        let text = self.rest[..length].to_owned();
        self.take(&text, length);
    }
}

/// Length of the block comment at the beginning; they nest.
fn block_comment(source: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < source.len() {
        if source[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if source[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += source[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    source.len()
}

/// Length of the string, byte string or character literal at the beginning, if there is one.
fn literal(source: &str) -> Option<usize> {
    let prefix = source.find(|c: char| !matches!(c, 'b' | 'c' | 'r')).unwrap_or(source.len());
    if prefix > 2 {
        return None;
    }
    let (letters, body) = source.split_at(prefix);
    if letters.ends_with('r') {
        let hashes = body.find(|c: char| c != '#').unwrap_or(body.len());
        if !body[hashes..].starts_with('"') {
            return None;
        }
        let end = format!("\"{}", "#".repeat(hashes));
        let length = body[hashes + 1..].find(&end).map_or(body.len(), |at| at + 1 + 2 * hashes + 1);
        return Some(prefix + length);
    }
    match body.chars().next()? {
        '"' => Some(prefix + 1 + quoted(&body[1..], '"')),
        '\'' if prefix == 0 || letters == "b" => {
            let mut inside = body[1..].chars();
            let first = inside.next()?;
            // 'a is a lifetime unless the quote is closed after one character.
            let closed = first == '\\' || inside.next() == Some('\'');
            closed.then(|| prefix + 1 + quoted(&body[1..], '\''))
        }
        _ => None,
    }
}

/// Length up to and with the closing quote.
fn quoted(source: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, character) in source.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if character == quote => return at + character.len_utf8(),
            _ => {}
        }
    }
    source.len()
}

/// Index of the token that closes the bracket at `open`, or the last one.
pub fn closing(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match token.text.as_str() {
            "{" | "(" | "[" => depth += 1,
            "}" | ")" | "]" => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return at;
        }
    }
    tokens.len().saturating_sub(1)
}

/// Leaves out every item under an attribute like `#[cfg(test)]`.
pub fn without_tests(tokens: &[Token]) -> Vec<Token> {
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if is(tokens, at, &["#", "["]) {
            let end = closing(tokens, at + 1);
            let attribute = &tokens[at..=end];
            let has = |name: &str| attribute.iter().any(|token| token.text == name);
            if is(tokens, at + 2, &["cfg"]) && has("test") && !has("not") {
                at = item_end(tokens, end + 1) + 1;
                continue;
            }
        }
        kept.push(tokens[at].clone());
        at += 1;
    }
    kept
}

/// Index of the last token of the item that begins at `start`: its `;` or the end of its braces.
fn item_end(tokens: &[Token], start: usize) -> usize {
    let mut at = start;
    while at < tokens.len() {
        match tokens[at].text.as_str() {
            ";" => return at,
            "{" => return closing(tokens, at),
            "(" | "[" => at = closing(tokens, at),
            _ => {}
        }
        at += 1;
    }
    tokens.len().saturating_sub(1)
}

/// Whether the tokens from `at` on are exactly these.
pub fn is(tokens: &[Token], at: usize, texts: &[&str]) -> bool {
    texts
        .iter()
        .enumerate()
        .all(|(offset, text)| tokens.get(at + offset).is_some_and(|token| token.text == *text))
}
