//! The notation of the cases' values: JSON with unquoted names and words, variables and functions.
//!
//!     {Topics: [{Name: t, Partitions: [0, 1]}], MemberId: $member, Timestamp: time(10)}
//!
//! A word is a text. `$name` is a variable; `time(N)` the time that the run's records begin with,
//! plus N ms; `x(N)` a text of N letters; `hex(…)` bytes; `batch{…}` a record batch (several in an
//! array are sent one after the other); `many(N, VALUE)` an array of N values, in whose texts
//! `{i}` is the place; `word{…}` an object with the one key `$word`. What these mean is decided
//! where values are resolved, not here.

use serde_json::{Map, Value, json};

/// Reads values one after another from a text.
pub struct Text<'a> {
    rest: &'a str,
}

impl<'a> Text<'a> {
    /// A reader at the beginning of a text.
    pub fn new(text: &'a str) -> Text<'a> {
        Text { rest: text.trim_start() }
    }

    /// What has not been read.
    pub fn rest(&self) -> &'a str {
        self.rest
    }

    /// Reads the next value.
    pub fn value(&mut self) -> Result<Value, String> {
        let value = match self.rest.chars().next() {
            Some('{') => self.object()?,
            Some('[') => self.array()?,
            Some('"') => Value::from(self.quoted()?),
            Some('$') => {
                self.rest = &self.rest[1..];
                json!({ "$var": self.word() })
            }
            Some(_) => self.plain()?,
            None => return Err("a value is missing".to_owned()),
        };
        self.rest = self.rest.trim_start();
        Ok(value)
    }

    fn take(&mut self, mark: char) -> bool {
        match self.rest.strip_prefix(mark) {
            Some(rest) => {
                self.rest = rest.trim_start();
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, mark: char) -> Result<(), String> {
        match self.take(mark) {
            true => Ok(()),
            false => Err(format!("{mark} is missing before {:.40}", self.rest)),
        }
    }

    fn object(&mut self) -> Result<Value, String> {
        self.expect('{')?;
        let mut object = Map::new();
        while !self.take('}') {
            let key = match self.rest.starts_with('"') {
                true => self.quoted()?,
                false => self.word().to_owned(),
            };
            self.rest = self.rest.trim_start();
            self.expect(':')?;
            object.insert(key, self.value()?);
            if !self.take(',') && !self.rest.starts_with('}') {
                return Err(format!("a comma is missing before {:.40}", self.rest));
            }
        }
        Ok(Value::Object(object))
    }

    fn array(&mut self) -> Result<Value, String> {
        self.expect('[')?;
        let mut items = Vec::new();
        while !self.take(']') {
            items.push(self.value()?);
            if !self.take(',') && !self.rest.starts_with(']') {
                return Err(format!("a comma is missing before {:.40}", self.rest));
            }
        }
        Ok(Value::Array(items))
    }

    fn quoted(&mut self) -> Result<String, String> {
        let mut out = String::new();
        let mut letters = self.rest.char_indices().skip(1);
        while let Some((at, letter)) = letters.next() {
            match letter {
                '"' => {
                    self.rest = &self.rest[at + 1..];
                    return Ok(out);
                }
                '\\' => match letters.next() {
                    Some((_, 'n')) => out.push('\n'),
                    Some((_, '0')) => out.push('\0'),
                    Some((_, other)) => out.push(other),
                    None => break,
                },
                other => out.push(other),
            }
        }
        Err("a quote is not closed".to_owned())
    }

    fn word(&mut self) -> &'a str {
        let inside = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '+');
        let end = self.rest.find(|c: char| !inside(c)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }

    fn plain(&mut self) -> Result<Value, String> {
        let word = self.word();
        if word.is_empty() {
            return Err(format!("no value begins with {:.40}", self.rest));
        }
        if self.rest.starts_with('{') {
            return Ok(json!({ format!("${word}"): self.object()? }));
        }
        if self.rest.starts_with('(') {
            return self.function(word);
        }
        Ok(match word {
            "null" => Value::Null,
            "true" => Value::from(true),
            "false" => Value::from(false),
            _ => match (word.parse::<i64>(), word.parse::<f64>()) {
                (Ok(number), _) => Value::from(number),
                (_, Ok(number)) if number.is_finite() => Value::from(number),
                _ => Value::from(word),
            },
        })
    }

    fn function(&mut self, name: &str) -> Result<Value, String> {
        self.expect('(')?;
        let mut arguments = Vec::new();
        if name == "hex" {
            arguments.push(Value::from(format!("0x{}", self.word())));
        }
        while !self.take(')') {
            arguments.push(self.value()?);
            if !self.take(',') && !self.rest.starts_with(')') {
                return Err(format!("a comma is missing before {:.40}", self.rest));
            }
        }
        let count = arguments.first().and_then(Value::as_i64);
        match (name, count) {
            ("time", Some(later)) => Ok(json!({ "$time": later })),
            ("x", Some(count)) => Ok(Value::from("x".repeat(count as usize))),
            ("hex", _) => Ok(arguments.remove(0)),
            ("many", Some(count)) => {
                let item = arguments.pop().ok_or("many needs a value")?;
                let placed = |at| replaced(&item, "{i}", &format!("{at}"));
                Ok(Value::Array((0..count).map(placed).collect()))
            }
            _ => Err(format!("no function {name}")),
        }
    }
}

/// A value with a part of its texts replaced; a text that is nothing else becomes a number when
/// it can be one.
pub fn replaced(value: &Value, from: &str, to: &str) -> Value {
    match value {
        Value::String(text) if text == from => {
            to.parse().map_or(Value::from(to), |n: i64| n.into())
        }
        Value::String(text) => Value::from(text.replace(from, to)),
        Value::Array(items) => items.iter().map(|item| replaced(item, from, to)).collect(),
        Value::Object(fields) => {
            let fields = fields.iter().map(|(key, item)| (key.clone(), replaced(item, from, to)));
            Value::Object(fields.collect())
        }
        other => other.clone(),
    }
}
