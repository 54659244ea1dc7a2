//! Reads the files of cases: scenarios, and in each the steps that are played against a broker.
//! What a step does is the player's business.
//!
//!     scenario NAME [each API]       with `each` it is played once per version of that API
//!     topic NAME [partitions=N] [key=value]…     makes a topic, waits for its leader, sets $NAME
//!     settle MS                      lets Kafka finish what it does behind an answer
//!     pause MS                       lets both finish, as where requests wait for each other
//!     call API[@VERSIONS][:CONNECTION] {BODY} [MODIFIER]…
//!     mutate API[@VERSIONS] {BODY} [MODIFIER]…     the body with one field after another changed
//!     await :CONNECTION              the answer to a call that was not waited for
//!     close :CONNECTION
//!
//! VERSIONS: `@3`, `@3-5`, `@3+`, `@max`; without them all versions, but for the API of `each` the
//! one that is played. Modifiers: `-> name=Path.0.Path` keeps a value of the answer in a variable,
//! `"label"`, `async` (see `await`), `silent` (does not wait long for an answer), `append HEX` and
//! `cut N` bytes behind the body, `skip PATH` or `skip PATH=VALUE` leaves mutations out, `quiet`
//! does not compare. A step goes on to the next lines until its brackets are closed; lines that
//! begin with # are comments. `{v}` in a text is the version, `{n}` a number that is never the
//! same.

use serde_json::Value;

use super::text::Text;

/// A row of steps that share topics, groups and variables.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Name, the same in no other scenario.
    pub name: String,
    /// The API in whose every version it is played.
    pub each: Option<String>,
    /// What happens.
    pub steps: Vec<Step>,
    /// Everything it was read from.
    pub source: String,
}

/// One step.
#[derive(Clone, Debug)]
pub enum Step {
    /// Makes a topic.
    Topic { name: String, partitions: i32, configs: Vec<(String, String)> },
    /// Waits where Kafka is asked, in milliseconds.
    Settle(u64),
    /// Waits, in milliseconds.
    Pause(u64),
    /// Sends a request in some versions.
    Call(Box<Call>),
    /// Receives on a connection.
    Await(String),
    /// Closes a connection.
    Close(String),
}

/// A request.
#[derive(Clone, Debug, Default)]
pub struct Call {
    /// Name of the API.
    pub api: String,
    /// Versions it is sent in.
    pub versions: Selection,
    /// Name of the connection, empty for the usual one.
    pub connection: String,
    /// Fields of the body, not resolved yet.
    pub body: Value,
    /// Variables and the paths of their values in the answer.
    pub captures: Vec<(String, String)>,
    /// What makes it differ from others.
    pub label: String,
    /// Whether the answer is waited for later.
    pub later: bool,
    /// Whether no answer is expected.
    pub silent: bool,
    /// Whether the answer is left uncompared.
    pub quiet: bool,
    /// Bytes behind the body, as hexadecimal digits.
    pub append: String,
    /// Bytes missing at its end.
    pub cut: usize,
    /// Whether one field after another is changed.
    pub mutate: bool,
    /// Mutations that are left out: a path, or a path and a value.
    pub skip: Vec<String>,
}

/// Versions of a call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Selection {
    /// The version that is played, or all.
    #[default]
    Usual,
    /// The highest.
    Max,
    /// A range, whether served or not.
    Range(i16, i16),
    /// From this one on.
    From(i16),
}

/// Reads a file of cases.
pub fn read(file: &str, text: &str) -> Result<Vec<Scenario>, String> {
    let mut scenarios: Vec<Scenario> = Vec::new();
    for (number, line) in logical_lines(text) {
        let at = |error: String| format!("{file}:{number}: {error}");
        let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((&line, ""));
        if word == "scenario" {
            let words: Vec<&str> = rest.split_whitespace().collect();
            let (name, each) = match words[..] {
                [name] => (name, None),
                [name, "each", api] => (name, Some(api.to_owned())),
                _ => return Err(at("scenario NAME [each API]".to_owned())),
            };
            let source = line.clone();
            scenarios.push(Scenario { name: name.to_owned(), each, steps: Vec::new(), source });
            continue;
        }
        let scenario = scenarios.last_mut().ok_or_else(|| at("no scenario yet".to_owned()))?;
        scenario.source += &format!("\n{line}");
        scenario.steps.push(step(word, rest.trim()).map_err(at)?);
    }
    Ok(scenarios)
}

/// Steps with the number of their first line; a line whose brackets are open goes on.
fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    let mut open = 0;
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match lines.last_mut() {
            Some((_, started)) if open > 0 => *started += &format!(" {line}"),
            _ => lines.push((index + 1, line.to_owned())),
        }
        let (mut quoted, mut escaped) = (false, false);
        for letter in line.chars() {
            match letter {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' => quoted = !quoted,
                '{' | '[' | '(' if !quoted => open += 1,
                '}' | ']' | ')' if !quoted => open -= 1,
                _ => {}
            }
        }
    }
    lines
}

fn step(word: &str, rest: &str) -> Result<Step, String> {
    match word {
        "topic" => topic(rest),
        "settle" => rest.parse().map(Step::Settle).map_err(|_| "settle MS".to_owned()),
        "pause" => rest.parse().map(Step::Pause).map_err(|_| "pause MS".to_owned()),
        "await" => Ok(Step::Await(rest.trim_start_matches(':').to_owned())),
        "close" => Ok(Step::Close(rest.trim_start_matches(':').to_owned())),
        "call" => call(rest, false),
        "mutate" => call(rest, true),
        _ => Err(format!("no step {word}")),
    }
}

fn topic(rest: &str) -> Result<Step, String> {
    let mut words = rest.split_whitespace();
    let name = words.next().ok_or("a topic needs a name")?.trim_matches('"').to_owned();
    let mut partitions = 1;
    let mut configs = Vec::new();
    for word in words {
        let (key, value) = word.split_once('=').ok_or("topic NAME key=value")?;
        match key {
            "partitions" => partitions = value.parse().map_err(|_| "a number of partitions")?,
            _ => configs.push((key.to_owned(), value.to_owned())),
        }
    }
    Ok(Step::Topic { name, partitions, configs })
}

fn call(rest: &str, mutate: bool) -> Result<Step, String> {
    let (head, rest) = rest.split_once(char::is_whitespace).unwrap_or((rest, "{}"));
    let (head, connection) = head.split_once(':').unwrap_or((head, ""));
    let (api, versions) = match head.split_once('@') {
        None => (head, Selection::Usual),
        Some((api, "max")) => (api, Selection::Max),
        Some((api, versions)) => (api, selection(versions).ok_or("versions: 3, 3-5 or 3+")?),
    };
    let mut text = Text::new(rest);
    let body = match text.rest().starts_with('{') {
        true => text.value()?,
        false => Value::Object(serde_json::Map::new()),
    };
    let mut call = Call {
        api: api.to_owned(),
        versions,
        connection: connection.to_owned(),
        body,
        mutate,
        ..Call::default()
    };
    let rest = text.rest();
    let (rest, captures) = rest.rsplit_once("-> ").unwrap_or((rest, ""));
    for capture in captures.split_whitespace() {
        let (name, path) = capture.split_once('=').ok_or("-> name=Path")?;
        call.captures.push((name.to_owned(), path.to_owned()));
    }
    modifiers(&mut call, rest)?;
    Ok(Step::Call(Box::new(call)))
}

fn modifiers(call: &mut Call, rest: &str) -> Result<(), String> {
    let mut words = words(rest)?.into_iter();
    while let Some(word) = words.next() {
        let mut argument = || words.next().ok_or_else(|| format!("{word} needs a word"));
        match word {
            "async" => call.later = true,
            "silent" => call.silent = true,
            "quiet" => call.quiet = true,
            "append" => call.append = argument()?.to_owned(),
            "cut" => call.cut = argument()?.parse().map_err(|_| "cut N")?,
            "skip" => call.skip.push(argument()?.to_owned()),
            label if label.starts_with('"') => call.label = label.trim_matches('"').to_owned(),
            _ => return Err(format!("no modifier {word}")),
        }
    }
    Ok(())
}

/// What stands between spaces; what begins with a quote goes on to the next one.
fn words(text: &str) -> Result<Vec<&str>, String> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let end = match rest.strip_prefix('"') {
            Some(quoted) => 2 + quoted.find('"').ok_or("a label is not closed")?,
            None => rest.find(char::is_whitespace).unwrap_or(rest.len()),
        };
        words.push(&rest[..end]);
        rest = rest[end..].trim_start();
    }
    Ok(words)
}

fn selection(text: &str) -> Option<Selection> {
    if let Some(from) = text.strip_suffix('+') {
        return Some(Selection::From(from.parse().ok()?));
    }
    if let Ok(version) = text.parse() {
        return Some(Selection::Range(version, version));
    }
    let (low, high) = text.split_once('-')?;
    Some(Selection::Range(low.parse().ok()?, high.parse().ok()?))
}
