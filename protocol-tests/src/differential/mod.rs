//! The differential test: the same requests to Felice and to Apache Kafka, the answers compared
//! field by field. `docs/differential.md` says how it is used and what may differ, and why.
//!
//! - `schema`, `codec`: messages of every version, from Kafka's definitions, as named fields.
//! - `text`, `script`, `mutate`, `records`: what is sent, from `data/differential/*.cases`.
//! - `link`, `player`: sending it, and noting the answers.
//! - `normal`, `compare`, `recording`: names for what may differ, the differences, Kafka's answers
//!   as they are kept.

pub mod codec;
pub mod compare;
pub mod kafka;
pub mod link;
pub mod mutate;
pub mod normal;
pub mod player;
pub mod recording;
pub mod records;
pub mod schema;
pub mod script;
pub mod text;

use std::path::{Path, PathBuf};

use crate::broker::Broker;

/// Where cases and recording are.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data/differential")
}

/// Every scenario of every file of cases, in order of the files' names.
pub fn scenarios() -> Result<Vec<script::Scenario>, String> {
    let entries = std::fs::read_dir(folder()).map_err(|error| error.to_string())?;
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "cases"));
    paths.sort();
    let mut scenarios: Vec<script::Scenario> = Vec::new();
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).map_err(|error| format!("{name}: {error}"))?;
        for scenario in script::read(&name, &text)? {
            if scenarios.iter().any(|other| other.name == scenario.name) {
                return Err(format!("{name}: there are two scenarios {}", scenario.name));
            }
            scenarios.push(scenario);
        }
    }
    Ok(scenarios)
}

/// Settings of both brokers beside those of every test's broker.
const SETTINGS: [&str; 3] = [
    "num.partitions=2",
    "transaction.state.log.num.partitions=3",
    "group.min.session.timeout.ms=100",
];

/// Settings that make Kafka what every test's Felice is.
const KAFKA_SETTINGS: [&str; 2] =
    ["offsets.topic.num.partitions=3", "share.coordinator.state.topic.num.partitions=3"];

/// Plays scenarios against a new Kafka and puts what it answers into a recording.
pub fn play_kafka(
    schema: &schema::Schema,
    scenarios: &[script::Scenario],
    recording: &mut recording::Recording,
) -> Result<(), String> {
    let kafka = kafka::Kafka::start(&[&KAFKA_SETTINGS[..], &SETTINGS].concat())?;
    let mut player = player::Player::new(schema, kafka.address(), None, true)?;
    for scenario in scenarios {
        let seen = player.play(scenario).map_err(|error| format!("Kafka: {error}"))?;
        recording.put(scenario, seen);
    }
    recording.served = player.served().clone();
    Ok(())
}

/// Plays scenarios against a new Felice in the versions that Kafka serves; answers by scenario.
pub fn play_felice(
    schema: &schema::Schema,
    scenarios: &[script::Scenario],
    range: &player::Served,
) -> Result<Vec<Vec<player::Seen>>, String> {
    let broker = Broker::start(&SETTINGS);
    let mut player = player::Player::new(schema, broker.address(), Some(range), false)?;
    let play = |scenario: &script::Scenario| player.play(scenario);
    let seen: Result<Vec<_>, _> = scenarios.iter().map(play).collect();
    seen.map_err(|error| format!("Felice: {error}\n{}", broker.log()))
}

/// Names of the APIs that a scenario calls.
pub fn apis(scenario: &script::Scenario) -> Vec<&str> {
    let mut names: Vec<&str> = scenario.each.iter().map(String::as_str).collect();
    for step in &scenario.steps {
        if let script::Step::Call(call) = step {
            names.push(&call.api);
        }
    }
    names.sort_unstable();
    names.dedup();
    names
}
