//! The rules by which values that may rightly differ from broker to broker, or from run to run,
//! are given names. A value is named, never dropped, so that its presence still counts.

use std::collections::BTreeMap;

use serde_json::Value;

/// The rules, each with what it is for, as the documentation lists them.
pub const RULES: [(&str, &str); 9] = [
    ("variables", "a text or ID that an earlier answer gave and a step kept is written `$name`"),
    ("UUID", "other random IDs, also those inside member IDs, are written `UUID`"),
    ("T", "times near the run's own are written `T+N` when a request named them, else `now`"),
    ("message", "a text beside an error is `text` when there is one; its words are not compared"),
    ("address", "host, port and cluster ID of the broker are `HOST`, `PORT`, `CLUSTER`"),
    ("SESSION", "the ID of a fetch session is `SESSION` when there is one"),
    ("PID", "the ID that a producer was given is `PID`"),
    ("throttle", "a throttle time is `some` when it is not 0"),
    ("order", "arrays of structures are sorted: Kafka answers in the order of its hash maps"),
];

/// What the rules need to know.
pub struct Facts<'a> {
    /// Variables of the scenario.
    pub variables: &'a BTreeMap<String, Value>,
    /// The time that records begin with, in milliseconds.
    pub time: i64,
    /// The broker's own port.
    pub port: u16,
}

/// The longest time after `time` that a request names.
const NAMED_MS_MAX: i64 = 90_000;
/// The furthest that a broker's own times are from `time`.
const NOW_MS_MAX: i64 = 3_600_000;

impl Facts<'_> {
    /// Gives names to what may differ.
    pub fn apply(&self, field: &str, value: &mut Value) {
        match value {
            Value::Object(fields) => {
                for (name, value) in fields.iter_mut() {
                    self.apply(name, value);
                }
            }
            Value::Array(items) => {
                items.iter_mut().for_each(|item| self.apply(field, item));
                let structures = items.iter().all(Value::is_object);
                if structures && field != "Records" {
                    items.sort_by_cached_key(place);
                }
            }
            Value::String(text) => *text = self.text(field, text),
            Value::Number(number) => {
                if let Some(number) = number.as_i64()
                    && let Some(name) = self.number(field, number)
                {
                    *value = Value::from(name);
                }
            }
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn number(&self, field: &str, number: i64) -> Option<String> {
        match field {
            "SessionId" if number != 0 => return Some("SESSION".to_owned()),
            "ThrottleTimeMs" if number > 0 => return Some("some".to_owned()),
            "ProducerId" if number >= 0 => return Some("PID".to_owned()),
            "Port" if number == i64::from(self.port) => return Some("PORT".to_owned()),
            "TotalBytes" | "UsableBytes" if number > 0 => return Some("some".to_owned()),
            _ => {}
        }
        let later = number.checked_sub(self.time)?;
        match later {
            later if later.abs() <= NAMED_MS_MAX => Some(format!("T+{later}")),
            later if later.abs() <= NOW_MS_MAX => Some("now".to_owned()),
            _ => None,
        }
    }

    fn text(&self, field: &str, text: &str) -> String {
        match field {
            "ErrorMessage" | "BatchIndexErrorMessage" | "StatusDetail" if !text.is_empty() => {
                return "text".to_owned();
            }
            "Host" | "ClientHost" => return "HOST".to_owned(),
            "ClusterId" => return "CLUSTER".to_owned(),
            "LogDir" => return "LOGDIR".to_owned(),
            _ => {}
        }
        let same = |value: &Value| value.as_str() == Some(text);
        if text.len() > 3
            && let Some((name, _)) = self.variables.iter().find(|(_, value)| same(value))
        {
            return format!("${name}");
        }
        without_uuids(text)
    }
}

/// What a structure is sorted by: first what it is about, so that the answers of two brokers stand
/// side by side where they differ in the rest.
fn place(item: &Value) -> (Vec<String>, String) {
    const ABOUT: [&str; 14] = [
        "Name",
        "Topic",
        "TopicName",
        "TopicId",
        "ResourceName",
        "GroupId",
        "Group",
        "MemberId",
        "Key",
        "PartitionIndex",
        "Partition",
        "Index",
        "ApiKey",
        "ErrorCode",
    ];
    let text = |name: &&str| match item.get(*name) {
        Some(Value::Number(number)) => format!("{:>20}", number.to_string()),
        Some(value) => value.to_string(),
        None => String::new(),
    };
    (ABOUT.iter().map(text).collect(), item.to_string())
}

/// The text with `UUID` for every random ID in it: 36 characters with dashes.
fn without_uuids(text: &str) -> String {
    const LENGTH: usize = 36;
    let is_uuid = |part: &[u8]| {
        part.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        }) && !part.starts_with(b"00000000-0000")
    };
    let bytes = text.as_bytes();
    let starts = 0..(bytes.len() + 1).saturating_sub(LENGTH);
    match starts.into_iter().find(|at| is_uuid(&bytes[*at..at + LENGTH])) {
        Some(at) => format!("{}UUID{}", &text[..at], without_uuids(&text[at + LENGTH..])),
        None => text.to_owned(),
    }
}
