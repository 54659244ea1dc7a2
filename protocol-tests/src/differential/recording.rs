//! What Kafka answered, as a text that is kept in the repository, so that the comparison can be
//! made without Kafka. A scenario is found again only while its steps are the same.
//!
//!     versions 0:0-13 1:4-18 …
//!     scenario NAME SUM-OF-ITS-STEPS
//!     case NAME
//!     VERSIONS OUTCOME                   the outcome as JSON, in every version of the range

use std::collections::BTreeMap;

use serde_json::Value;

use super::player::{Seen, Served};
use super::script::Scenario;

/// Name of the recording that is kept.
const FILE: &str = "kafka-4.3.1.txt";

/// Answers of a broker.
#[derive(Debug, Default)]
pub struct Recording {
    /// Versions it serves.
    pub served: Served,
    scenarios: BTreeMap<String, (String, Vec<Seen>)>,
}

impl Recording {
    /// Reads the recording that is kept.
    pub fn load() -> Result<Recording, String> {
        let text = std::fs::read_to_string(super::folder().join(FILE));
        Recording::read(&text.map_err(|error| format!("{FILE}: {error}"))?)
    }

    /// Keeps the recording.
    pub fn save(&self) -> Result<(), String> {
        let path = super::folder().join(FILE);
        std::fs::write(&path, self.write()).map_err(|error| format!("{FILE}: {error}"))
    }

    /// Reads a recording.
    pub fn read(text: &str) -> Result<Recording, String> {
        let mut recording = Recording::default();
        let mut scenario = String::new();
        let mut case = String::new();
        for line in text.lines() {
            let (word, rest) = line.split_once(' ').ok_or_else(|| format!("not a line: {line}"))?;
            match word {
                "versions" => recording.served = rest.split(' ').filter_map(row).collect(),
                "scenario" => {
                    let (name, sum) = rest.split_once(' ').unwrap_or((rest, ""));
                    scenario = name.to_owned();
                    let empty = (sum.to_owned(), Vec::new());
                    recording.scenarios.insert(scenario.clone(), empty);
                }
                "case" => case = rest.to_owned(),
                _ => {
                    let (low, high) = word.split_once('~').unwrap_or((word, word));
                    let number =
                        |text: &str| text.parse::<i16>().map_err(|e| format!("{line}: {e}"));
                    let outcome: Value =
                        serde_json::from_str(rest).map_err(|error| format!("{line}: {error}"))?;
                    let (_, seen) =
                        recording.scenarios.get_mut(&scenario).ok_or("no scenario yet")?;
                    for version in number(low)?..=number(high)? {
                        let (case, outcome) = (case.clone(), outcome.clone());
                        seen.push(Seen { case, version, outcome });
                    }
                }
            }
        }
        Ok(recording)
    }

    /// Answers of a scenario, if its steps are still those that were played.
    pub fn seen(&self, scenario: &Scenario) -> Option<&[Seen]> {
        let (recorded, seen) = self.scenarios.get(&scenario.name)?;
        (*recorded == sum(scenario)).then_some(seen)
    }

    /// Puts a scenario's answers in.
    pub fn put(&mut self, scenario: &Scenario, seen: Vec<Seen>) {
        self.scenarios.insert(scenario.name.clone(), (sum(scenario), seen));
    }

    /// The recording as a text.
    pub fn write(&self) -> String {
        let rows = self.served.iter().map(|(key, (low, high))| format!("{key}:{low}-{high}"));
        let mut text = format!("versions {}\n", rows.collect::<Vec<_>>().join(" "));
        for (name, (sum, seen)) in &self.scenarios {
            text += &format!("scenario {name} {sum}\n");
            for (case, answers) in by_case(seen) {
                text += &format!("case {case}\n");
                for (low, high, outcome) in runs(&answers) {
                    let range = if low == high { low.to_string() } else { format!("{low}~{high}") };
                    text += &format!("{range} {outcome}\n");
                }
            }
        }
        text
    }
}

fn row(text: &str) -> Option<(i16, (i16, i16))> {
    let (key, range) = text.split_once(':')?;
    let (low, high) = range.split_once('-')?;
    Some((key.parse().ok()?, (low.parse().ok()?, high.parse().ok()?)))
}

fn sum(scenario: &Scenario) -> String {
    format!("{:08x}", crc32c::crc32c(scenario.source.as_bytes()))
}

/// Cases in the order in which they were first seen.
fn by_case(seen: &[Seen]) -> Vec<(&str, Vec<(i16, &Value)>)> {
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    let mut cases: Vec<(&str, Vec<(i16, &Value)>)> = Vec::new();
    for answer in seen {
        let place = *places.entry(&answer.case).or_insert(cases.len());
        if place == cases.len() {
            cases.push((&answer.case, Vec::new()));
        }
        cases[place].1.push((answer.version, &answer.outcome));
    }
    cases
}

fn runs<'v>(answers: &[(i16, &'v Value)]) -> Vec<(i16, i16, &'v Value)> {
    let mut runs: Vec<(i16, i16, &Value)> = Vec::new();
    for (version, outcome) in answers {
        match runs.last_mut() {
            Some((_, high, last)) if *high + 1 == *version && last == outcome => *high = *version,
            _ => runs.push((*version, *version, outcome)),
        }
    }
    runs
}
