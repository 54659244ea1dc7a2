//! Compares what two brokers answered and finds the differences that nobody has given a reason
//! for. The reasons are those of `docs/differential.md`, in which every indented line of a code
//! block allows some differences:
//!
//!     CASE | VERSIONS | PATH | KAFKA | FELICE
//!
//! `*` stands for any text in all but VERSIONS, where it stands for all of them.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use super::player::Seen;
use super::recording::Recording;
use super::script::Scenario;

/// Where the reasons are.
const REASONS: &str = include_str!("../../../docs/differential.md");

/// A value in which two answers differ.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Difference {
    /// Name of the case.
    pub case: String,
    /// Names of fields with dots between them; empty for the answer as a whole.
    pub path: String,
    /// What Kafka has there, as JSON; `-` for the default, which decoding leaves out.
    pub kafka: String,
    /// What Felice has there.
    pub felice: String,
}

/// A line of the list of reasons.
#[derive(Debug)]
pub struct Allowed {
    line: String,
    case: String,
    versions: Option<(i16, i16)>,
    path: String,
    kafka: String,
    felice: String,
    used: Cell<usize>,
}

/// All lines of the list of reasons.
#[derive(Debug)]
pub struct Reasons {
    lines: Vec<Allowed>,
}

impl Reasons {
    /// Reads the reasons of the documentation.
    pub fn load() -> Result<Reasons, String> {
        Reasons::read(REASONS)
    }

    /// Reads the code blocks of a page.
    pub fn read(page: &str) -> Result<Reasons, String> {
        let mut lines = Vec::new();
        let mut inside = false;
        for line in page.lines() {
            if line.starts_with("```") {
                inside = line == "```allow";
            } else if inside {
                lines.push(allowed(line)?);
            }
        }
        Ok(Reasons { lines })
    }

    /// Whether a difference in a version has a reason.
    pub fn allow(&self, found: &Difference, version: i16) -> bool {
        let fits = |line: &&Allowed| {
            line.versions.is_none_or(|(low, high)| (low..=high).contains(&version))
                && matches(&line.case, &found.case)
                && matches(&line.path, &found.path)
                && matches(&line.kafka, &found.kafka)
                && matches(&line.felice, &found.felice)
        };
        let line = self.lines.iter().find(fits);
        if let Some(line) = line {
            line.used.set(line.used.get() + 1);
        }
        line.is_some()
    }

    /// Lines that allowed nothing: what they speak of is mended, or never was. Lines about what is
    /// not served may wait for it.
    pub fn unused(&self, verdict: &Verdict) -> Vec<&str> {
        let waits = |line: &Allowed| verdict.unserved.keys().any(|case| matches(&line.case, case));
        let unused = self.lines.iter().filter(|line| line.used.get() == 0 && !waits(line));
        unused.map(|line| line.line.as_str()).collect()
    }

    /// Differences that were allowed.
    pub fn allowed_count(&self) -> usize {
        self.lines.iter().map(|line| line.used.get()).sum()
    }
}

fn allowed(line: &str) -> Result<Allowed, String> {
    let wrong = || format!("not CASE | VERSIONS | PATH | KAFKA | FELICE: {line}");
    let parts: Vec<&str> = line.split(" | ").map(str::trim).collect();
    let [case, versions, path, kafka, felice] = parts[..] else { return Err(wrong()) };
    let versions = match versions {
        "*" => None,
        text => {
            let (low, high) = text.split_once('-').unwrap_or((text, text));
            let number = |text: &str| text.parse().map_err(|_| wrong());
            Some((number(low)?, number(high)?))
        }
    };
    let [case, path, kafka, felice] = [case, path, kafka, felice].map(str::to_owned);
    let line = line.to_owned();
    Ok(Allowed { line, case, versions, path, kafka, felice, used: Cell::new(0) })
}

/// Whether a text is like a pattern, in which `*` stands for anything.
pub fn matches(pattern: &str, text: &str) -> bool {
    let Some((begin, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(text) = text.strip_prefix(begin) else { return false };
    let cuts = (0..=text.len()).filter(|at| text.is_char_boundary(*at));
    cuts.into_iter().any(|at| matches(rest, &text[at..]))
}

/// What came of comparing.
#[derive(Debug, Default)]
pub struct Verdict {
    /// Answers that were compared.
    pub compared: usize,
    /// Answers in versions that Felice does not serve, by case.
    pub unserved: BTreeMap<String, usize>,
    /// Differences without a reason and the versions they are seen in.
    pub differences: BTreeMap<Difference, Vec<i16>>,
}

impl fmt::Display for Verdict {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        for (difference, versions) in &self.differences {
            writeln!(out, "{} v{}", difference.case, ranges(versions))?;
            writeln!(out, "    {}: kafka {:.300}", difference.path, difference.kafka)?;
            writeln!(out, "    {}: felice {:.300}", difference.path, difference.felice)?;
        }
        writeln!(
            out,
            "differential: {} answers compared, {} differences without a reason, {} answers in \
             versions that Felice does not serve",
            self.compared,
            self.differences.len(),
            self.unserved.values().sum::<usize>()
        )
    }
}

/// Compares what was seen in these scenarios with what Kafka answered.
pub fn judge(
    scenarios: &[Scenario],
    kafka: &Recording,
    felice: &[Vec<Seen>],
    reasons: &Reasons,
) -> Result<Verdict, String> {
    let mut verdict = Verdict::default();
    for (scenario, felice) in scenarios.iter().zip(felice) {
        let kafka = kafka.seen(scenario).ok_or_else(|| {
            let name = &scenario.name;
            format!("{name} is not recorded as it is now: run scripts/differential --record")
        })?;
        compare(kafka, felice, reasons, &mut verdict);
    }
    Ok(verdict)
}

/// Compares two rows of answers to the same requests.
pub fn compare(kafka: &[Seen], felice: &[Seen], reasons: &Reasons, verdict: &mut Verdict) {
    let key = |seen: &Seen| (seen.case.clone(), seen.version);
    let answers: BTreeMap<_, _> = felice.iter().map(|seen| (key(seen), &seen.outcome)).collect();
    let nothing = Value::from("never asked");
    for seen in kafka {
        let answer = answers.get(&key(seen)).copied().unwrap_or(&nothing);
        if answer == "unserved" {
            *verdict.unserved.entry(seen.case.clone()).or_insert(0) += 1;
            continue;
        }
        verdict.compared += 1;
        let mut found = Vec::new();
        differences("", Some(&seen.outcome), Some(answer), &mut found);
        for (path, kafka, felice) in found {
            let case = seen.case.clone();
            let difference = Difference { case, path, kafka, felice };
            if !reasons.allow(&difference, seen.version) {
                verdict.differences.entry(difference).or_default().push(seen.version);
            }
        }
    }
}

fn differences(
    path: &str,
    kafka: Option<&Value>,
    felice: Option<&Value>,
    found: &mut Vec<(String, String, String)>,
) {
    if kafka == felice {
        return;
    }
    match (kafka, felice) {
        (Some(Value::Object(left)), Some(Value::Object(right))) => {
            let mut names: Vec<&String> = left.keys().chain(right.keys()).collect();
            names.sort();
            names.dedup();
            for name in names {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                differences(&path, left.get(name), right.get(name), found);
            }
        }
        (Some(Value::Array(left)), Some(Value::Array(right))) if left.len() == right.len() => {
            for (left, right) in left.iter().zip(right) {
                differences(path, Some(left), Some(right), found);
            }
        }
        _ => {
            let text = |value: Option<&Value>| value.map_or("-".to_owned(), Value::to_string);
            found.push((path.to_owned(), text(kafka), text(felice)));
        }
    }
}

/// Versions in few letters: `0-3, 5`.
pub fn ranges(versions: &[i16]) -> String {
    let mut parts: Vec<(i16, i16)> = Vec::new();
    for version in versions {
        match parts.last_mut() {
            Some((_, high)) if *high + 1 == *version => *high = *version,
            _ => parts.push((*version, *version)),
        }
    }
    let part = |(low, high): &(i16, i16)| match low == high {
        true => low.to_string(),
        false => format!("{low}-{high}"),
    };
    parts.iter().map(part).collect::<Vec<_>>().join(", ")
}
