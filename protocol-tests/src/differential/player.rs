//! Plays scenarios against one broker and writes down what it answers. It knows nothing of the
//! other broker, and judges nothing.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::codec;
use super::link::{Link, Received};
use super::mutate::mutations;
use super::normal::Facts;
use super::records;
use super::schema::{Api, Schema, Versions, within};
use super::script::{Call, Scenario, Selection, Step};
use super::text::replaced;

/// Longest wait for an answer; a broker on a busy machine needs no more.
const PATIENCE: Duration = Duration::from_secs(6);
/// Wait for an answer that is not expected to come.
const SHORT_PATIENCE: Duration = Duration::from_millis(700);
/// How long before now the records begin, in milliseconds: far from any time of the broker's own.
const TIME_BEFORE_NOW_MS: i64 = 600_000;

/// Versions by API key.
pub type Served = BTreeMap<i16, Versions>;

/// One answer: to what, in which version, and what it is with names for what may differ.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// Name of the case, the same in all versions.
    pub case: String,
    /// Version of the request.
    pub version: i16,
    /// Fields of the answer, or the word `closed`, `silent`, `unserved`, or what is wrong.
    pub outcome: Value,
}

/// A broker and everything that has been learnt from it.
pub struct Player<'a> {
    schema: &'a Schema,
    address: SocketAddr,
    /// Versions that the cases range over.
    range: Served,
    /// Versions that this broker serves.
    served: Served,
    /// Whether `settle` waits.
    settles: bool,
    links: BTreeMap<String, Link>,
    waiting: BTreeMap<String, (Call, i16, String)>,
    variables: BTreeMap<String, Value>,
    time: i64,
    count: u64,
    seen: Vec<Seen>,
    silent_cases: Vec<String>,
    /// Whether the version that is played is not served: what belongs to it says nothing then.
    is_moot: bool,
}

impl<'a> Player<'a> {
    /// Connects to a broker. The cases range over `range`, or over what it serves itself.
    pub fn new(
        schema: &'a Schema,
        address: SocketAddr,
        range: Option<&Served>,
        settles: bool,
    ) -> Result<Player<'a>, String> {
        let mut player = Player {
            schema,
            address,
            range: Served::new(),
            served: Served::new(),
            settles,
            links: BTreeMap::new(),
            waiting: BTreeMap::new(),
            variables: BTreeMap::new(),
            time: now() - TIME_BEFORE_NOW_MS,
            count: 0,
            seen: Vec::new(),
            silent_cases: Vec::new(),
            is_moot: false,
        };
        player.served = player.ask_versions()?;
        player.range = range.unwrap_or(&player.served).clone();
        player.warm_up()?;
        Ok(player)
    }

    /// What this broker serves.
    pub fn served(&self) -> &Served {
        &self.served
    }

    /// Plays a scenario; what was seen is in order.
    pub fn play(&mut self, scenario: &Scenario) -> Result<Vec<Seen>, String> {
        self.seen.clear();
        self.links.clear();
        self.waiting.clear();
        self.silent_cases.clear();
        match &scenario.each {
            None => {
                self.is_moot = false;
                self.steps(scenario, None)?;
            }
            Some(name) => {
                let api = self.api(name)?;
                let Some((low, high)) = self.ranged(api) else { return Ok(Vec::new()) };
                for version in low..=high {
                    self.links.clear();
                    self.is_moot = !self.serves(api, version);
                    self.steps(scenario, Some(version))?;
                }
            }
        }
        Ok(std::mem::take(&mut self.seen))
    }

    fn steps(&mut self, scenario: &Scenario, version: Option<i16>) -> Result<(), String> {
        for (index, step) in scenario.steps.iter().enumerate() {
            let result = match step {
                Step::Topic { name, partitions, configs } => {
                    self.topic(&self.text(name, version), *partitions, configs)
                }
                Step::Settle(ms) => {
                    if self.settles {
                        std::thread::sleep(Duration::from_millis(*ms));
                    }
                    Ok(())
                }
                Step::Pause(ms) => {
                    std::thread::sleep(Duration::from_millis(*ms));
                    Ok(())
                }
                Step::Call(call) => self.calls(scenario, index, call, version),
                Step::Await(connection) => self.awaited(connection),
                Step::Close(connection) => {
                    self.links.remove(connection);
                    Ok(())
                }
            };
            result.map_err(|error| format!("{}, step {index}: {error}", scenario.name))?;
        }
        Ok(())
    }

    fn calls(
        &mut self,
        scenario: &Scenario,
        index: usize,
        call: &Call,
        played: Option<i16>,
    ) -> Result<(), String> {
        let api = self.api(&call.api)?;
        let own = scenario.each.as_ref() == Some(&call.api);
        // Beside the API that is played, a call comes once per round.
        let round = match played {
            Some(version) if !own => format!("@{version}"),
            _ => String::new(),
        };
        for version in self.selected(api, scenario, call, played) {
            let name = format!("{}{round}/{index} {} {}", scenario.name, call.api, call.label);
            let name = name.trim_end().to_owned();
            let body = self.resolved(&call.body, played.unwrap_or(version))?;
            if !call.mutate {
                let mut call = call.clone();
                call.body = body;
                self.call(api, call, version, name)?;
                continue;
            }
            for (label, body) in mutations(&api.request, version, &body) {
                let path = label.split('=').next().unwrap_or("");
                if call.skip.iter().any(|skip| *skip == label || skip == path) {
                    continue;
                }
                let mut call = call.clone();
                self.count += 1;
                call.body = replaced(&body, "{m}", &format!("{}", self.count));
                self.call(api, call, version, format!("{name} {label}"))?;
            }
        }
        Ok(())
    }

    /// Sends one request and, unless it is to be waited for later, takes its answer.
    fn call(&mut self, api: &Api, call: Call, version: i16, name: String) -> Result<(), String> {
        let outside = !self.ranged(api).is_some_and(|range| within(range, version));
        if self.is_moot || (!outside && !self.serves(api, version)) {
            // What a version that is not served would answer is not asked.
            if !call.quiet {
                self.note(name, version, Value::from("unserved"));
            }
            return Ok(());
        }
        let mut body = codec::encode(&api.request, version, &call.body)
            .map_err(|error| format!("{name} v{version}: {error}"))?;
        body.truncate(body.len().saturating_sub(call.cut));
        body.extend(codec::bytes(&format!("0x{}", call.append)));
        self.link(&call.connection)?.send(api, version, &body);
        let connection = call.connection.clone();
        self.waiting.insert(connection.clone(), (call.clone(), version, name));
        match call.later {
            true => Ok(()),
            false => self.awaited(&connection),
        }
    }

    fn awaited(&mut self, connection: &str) -> Result<(), String> {
        // A call in a version that is not served was never sent.
        let Some((call, version, name)) = self.waiting.remove(connection) else { return Ok(()) };
        let api = self.api(&call.api)?;
        let short = call.silent || self.silent_cases.contains(&name);
        let patience = if short { SHORT_PATIENCE } else { PATIENCE };
        let received = self.link(connection)?.receive(api, version, patience);
        if !matches!(received, Received::Body(_)) {
            self.links.remove(connection);
        }
        let outcome = match received {
            Received::Body(body) => decoded(api, version, &body),
            Received::Closed => Value::from("closed"),
            Received::Silent => {
                self.silent_cases.push(name.clone());
                Value::from("silent")
            }
            Received::Garbled(what) => Value::from(format!("garbled: {what}")),
        };
        for (variable, path) in &call.captures {
            let value = at_path(&outcome, path).cloned().unwrap_or(Value::Null);
            self.variables.insert(variable.clone(), value);
        }
        if !call.quiet {
            self.note(name, version, outcome);
        }
        Ok(())
    }

    fn note(&mut self, case: String, version: i16, mut outcome: Value) {
        let port = self.address.port();
        let facts = Facts { variables: &self.variables, time: self.time, port };
        facts.apply("", &mut outcome);
        self.seen.push(Seen { case, version, outcome });
    }

    fn link(&mut self, name: &str) -> Result<&mut Link, String> {
        if !self.links.contains_key(name) {
            self.links.insert(name.to_owned(), Link::connect(self.address)?);
        }
        Ok(self.links.get_mut(name).expect("it has just been put there"))
    }

    fn api(&self, name: &str) -> Result<&'a Api, String> {
        self.schema.named(name).ok_or_else(|| format!("no API {name}"))
    }

    fn serves(&self, api: &Api, version: i16) -> bool {
        self.served.get(&api.request.key).is_some_and(|served| within(*served, version))
    }

    /// Versions of an API that the cases range over.
    fn ranged(&self, api: &Api) -> Option<Versions> {
        let (low, high) = *self.range.get(&api.request.key)?;
        let valid = api.request.valid;
        let range = (low.max(valid.0), high.min(valid.1));
        (range.0 <= range.1).then_some(range)
    }

    fn selected(
        &self,
        api: &Api,
        scenario: &Scenario,
        call: &Call,
        played: Option<i16>,
    ) -> Vec<i16> {
        let range = self.ranged(api);
        let own = scenario.each.as_ref() == Some(&call.api);
        match (&call.versions, range) {
            (Selection::Range(low, high), _) if low == high && !own => vec![*low],
            (_, None) => Vec::new(),
            (Selection::Usual, Some((low, high))) => match played {
                Some(version) if own => vec![version],
                // Another API beside the one that is played is only a means.
                Some(_) => vec![self.common_max(api).unwrap_or(high)],
                None => (low..=high).collect(),
            },
            (Selection::Max, Some((_, high))) => vec![self.common_max(api).unwrap_or(high)],
            (Selection::Range(low, high), Some(_)) => {
                let versions = *low..=*high;
                versions.filter(|version| !own || played.is_none_or(|p| p == *version)).collect()
            }
            (Selection::From(from), Some((low, high))) => {
                let versions = (*from).max(low)..=high;
                versions.filter(|version| !own || played.is_none_or(|p| p == *version)).collect()
            }
        }
    }

    /// The highest version that both the codec crate and the range know: the same for every broker.
    fn common_max(&self, api: &Api) -> Option<i16> {
        let high = self.ranged(api)?.1;
        let codecs = crate::codecs::CODECS.iter();
        let mut known = codecs.filter(|codec| codec.key == api.request.key).map(|codec| codec.max);
        Some(known.next_back().map_or(high, |known| known.min(high)))
    }

    fn text(&self, text: &str, version: Option<i16>) -> String {
        text.replace("{v}", &version.map(|version| version.to_string()).unwrap_or_default())
    }

    /// Puts in variables, times, batches and versions.
    fn resolved(&mut self, value: &Value, version: i16) -> Result<Value, String> {
        self.count += 1;
        let count = self.count.to_string();
        let value = replaced(value, "{v}", &version.to_string());
        self.resolve(&replaced(&value, "{n}", &count))
    }

    fn resolve(&self, value: &Value) -> Result<Value, String> {
        Ok(match value {
            Value::Array(items) => {
                let items: Result<Vec<_>, _> =
                    items.iter().map(|item| self.resolve(item)).collect();
                joined(items?)
            }
            Value::Object(fields) => {
                if let Some(name) = fields.get("$var").and_then(Value::as_str) {
                    return Ok(self.variables.get(name).cloned().unwrap_or(Value::Null));
                }
                if let Some(later) = fields.get("$time").and_then(Value::as_i64) {
                    return Ok(Value::from(self.time + later));
                }
                if let Some(spec) = fields.get("$batch") {
                    let batch = records::build(&self.resolve(spec)?, self.time)?;
                    return Ok(json!({ "$bytes": codec::hex(&batch) }));
                }
                let mut resolved = serde_json::Map::new();
                for (key, item) in fields {
                    let variable = item.get("$var").is_some();
                    let mut item = self.resolve(item)?;
                    if variable && item.is_null() {
                        continue; // What was never answered has the default.
                    }
                    if let Some(digits) = item.get("$bytes").and_then(Value::as_str) {
                        item = Value::from(format!("0x{digits}"));
                    }
                    resolved.insert(key.clone(), item);
                }
                Value::Object(resolved)
            }
            other => other.clone(),
        })
    }

    fn ask_versions(&mut self) -> Result<Served, String> {
        let body = self.ask("ApiVersions", 0, json!({}))?;
        let keys = body["ApiKeys"].as_array().cloned().unwrap_or_default();
        let number = |value: &Value| value.as_i64().unwrap_or(0) as i16;
        let row = |key: &Value| {
            (number(&key["ApiKey"]), (number(&key["MinVersion"]), number(&key["MaxVersion"])))
        };
        Ok(keys.iter().map(row).collect())
    }

    /// Asks without writing it down.
    fn ask(&mut self, api: &str, version: i16, body: Value) -> Result<Value, String> {
        let api = self.api(api)?;
        let body = codec::encode(&api.request, version, &body)?;
        let link = self.link("")?;
        link.send(api, version, &body);
        match link.receive(api, version, PATIENCE) {
            Received::Body(body) => codec::decode(&api.response, version, &body),
            other => Err(format!("{} v{version}: {other:?}", api.request.name)),
        }
    }

    /// Makes the internal topics and waits until their partitions are loaded.
    fn warm_up(&mut self) -> Result<(), String> {
        for kind in [0, 1] {
            if kind == 1 && !self.served.contains_key(&24) {
                continue;
            }
            let groups: Vec<String> = (0..12).map(|number| format!("warm-{number}")).collect();
            for group in groups {
                let find = json!({"Key": group, "KeyType": kind});
                self.until_ready("FindCoordinator", 3, &find)?;
                let commit = json!({"GroupId": group});
                self.until_ready("OffsetCommit", 8, &commit)?;
                self.until_ready("DescribeGroups", 4, &json!({"Groups": [group]}))?;
                if kind == 1 {
                    let init = json!({"TransactionalId": group, "TransactionTimeoutMs": 60000});
                    self.until_ready("InitProducerId", 2, &init)?;
                }
            }
        }
        Ok(())
    }

    /// Asks until no error says that the broker is not ready.
    fn until_ready(&mut self, api: &str, version: i16, body: &Value) -> Result<Value, String> {
        const NOT_READY: [i64; 6] = [3, 5, 6, 14, 15, 16];
        let started = Instant::now();
        loop {
            let answer = self.ask(api, version, body.clone())?;
            let mut codes = Vec::new();
            error_codes(&answer, &mut codes);
            if !codes.iter().any(|code| NOT_READY.contains(code)) {
                return Ok(answer);
            }
            if started.elapsed() > Duration::from_secs(30) {
                return Err(format!("{api} is never ready: {answer}"));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn topic(
        &mut self,
        name: &str,
        partitions: i32,
        configs: &[(String, String)],
    ) -> Result<(), String> {
        let configs: Vec<Value> =
            configs.iter().map(|(key, value)| json!({"Name": key, "Value": value})).collect();
        let topic = json!({"Name": name, "NumPartitions": partitions, "ReplicationFactor": 1,
            "Configs": configs});
        let answer = self.ask("CreateTopics", 7, json!({"Topics": [topic], "timeoutMs": 30000}))?;
        let made = &answer["Topics"][0];
        match made.get("ErrorCode").and_then(Value::as_i64) {
            None => drop(self.variables.insert(name.to_owned(), made["TopicId"].clone())),
            Some(36) => {}
            Some(code) => return Err(format!("topic {name} is refused with {code}")),
        }
        let asked: Vec<Value> = (0..partitions)
            .map(|index| json!({"PartitionIndex": index, "Timestamp": -1}))
            .collect();
        let body = json!({"ReplicaId": -1, "Topics": [{"Name": name, "Partitions": asked}]});
        self.until_ready("ListOffsets", 5, &body).map(drop)
    }
}

/// Batches in an array are sent one behind the other.
fn joined(items: Vec<Value>) -> Value {
    let digits: Vec<&str> =
        items.iter().filter_map(|item| item.get("$bytes").and_then(Value::as_str)).collect();
    match !digits.is_empty() && digits.len() == items.len() {
        true => json!({ "$bytes": digits.concat() }),
        false => Value::Array(items),
    }
}

fn decoded(api: &Api, version: i16, body: &[u8]) -> Value {
    // ApiVersions answers a version that it does not know in version 0.
    let outside = !within(api.response.valid, version);
    let version = if outside && api.request.name == "ApiVersions" { 0 } else { version };
    codec::decode(&api.response, version, body)
        .unwrap_or_else(|error| Value::from(format!("garbled: {error}")))
}

fn error_codes(value: &Value, codes: &mut Vec<i64>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value.as_i64() {
                    Some(code) if name == "ErrorCode" => codes.push(code),
                    _ => error_codes(value, codes),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| error_codes(item, codes)),
        _ => {}
    }
}

fn at_path<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    path.split('.').try_fold(value, |value, step| match step.parse::<usize>() {
        Ok(index) => value.get(index),
        Err(_) => value.get(step),
    })
}

fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as i64)
}
