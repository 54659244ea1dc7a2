//! Kafka's message definitions as data: what the requests and answers of every API look like in
//! every version. It neither encodes nor decodes.

use serde_json::Value;

/// The definitions of the release that is compared with, made by `scripts/generate-definitions`.
const MESSAGES: &str = include_str!("../../data/differential/messages.jsonl");

/// An inclusive range of versions.
pub type Versions = (i16, i16);

/// Whether a version lies in a range.
pub fn within(versions: Versions, version: i16) -> bool {
    (versions.0..=versions.1).contains(&version)
}

/// Type of a value, or of the items of an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One byte, 0 or 1.
    Bool,
    /// A whole number of so many bytes.
    Int(usize),
    /// A whole number without a sign, of so many bytes.
    Uint(usize),
    /// A number of eight bytes.
    Float,
    /// Sixteen bytes.
    Uuid,
    /// A text.
    Text,
    /// Bytes.
    Bytes,
    /// Record batches.
    Records,
    /// Fields.
    Struct,
}

/// A field of a message.
#[derive(Clone, Debug)]
pub struct Field {
    /// Kafka's name.
    pub name: String,
    /// Type of it or of its items.
    pub kind: Kind,
    /// Whether it is an array.
    pub array: bool,
    /// Versions that have it.
    pub versions: Versions,
    /// Versions in which it may be null.
    pub nullable: Option<Versions>,
    /// Number of the tag and the versions in which it is one.
    pub tag: Option<(u32, Versions)>,
    /// Value of a field that is not given.
    pub default: Value,
    /// Fields of a struct.
    pub fields: Vec<Field>,
}

impl Field {
    /// Whether it is a tagged field in a version.
    pub fn tag_in(&self, version: i16) -> Option<u32> {
        self.tag.filter(|(_, versions)| within(*versions, version)).map(|(tag, _)| tag)
    }

    /// Whether it may be null in a version.
    pub fn is_nullable(&self, version: i16) -> bool {
        self.nullable.is_some_and(|versions| within(versions, version))
    }
}

/// A request or an answer.
#[derive(Clone, Debug)]
pub struct Message {
    /// API key.
    pub key: i16,
    /// Name of the API.
    pub name: String,
    /// Versions that the definition knows.
    pub valid: Versions,
    /// First version with tags and compact lengths.
    pub flexible: i16,
    /// Fields in order.
    pub fields: Vec<Field>,
}

/// An API.
#[derive(Clone, Debug)]
pub struct Api {
    /// What is sent.
    pub request: Message,
    /// What comes back.
    pub response: Message,
}

/// Every API in order of key.
#[derive(Clone, Debug)]
pub struct Schema {
    apis: Vec<Api>,
}

impl Schema {
    /// Reads the definitions.
    pub fn load() -> Schema {
        let mut requests: Vec<Message> = Vec::new();
        let mut responses: Vec<Message> = Vec::new();
        for line in MESSAGES.lines() {
            let value: Value = serde_json::from_str(line).expect("the definitions are JSON");
            let message = message(&value);
            match value["kind"].as_str() {
                Some("request") => requests.push(message),
                _ => responses.push(message),
            }
        }
        let pairs = requests.into_iter().zip(responses);
        let apis = pairs.map(|(request, response)| {
            assert_eq!(request.key, response.key, "a request has its answer");
            Api { request, response }
        });
        Schema { apis: apis.collect() }
    }

    /// The API of a name.
    pub fn named(&self, name: &str) -> Option<&Api> {
        self.apis.iter().find(|api| api.request.name == name)
    }

    /// The API of a key.
    pub fn keyed(&self, key: i16) -> Option<&Api> {
        self.apis.iter().find(|api| api.request.key == key)
    }
}

fn message(value: &Value) -> Message {
    Message {
        key: number(&value["key"]),
        name: text(&value["name"]).to_owned(),
        valid: range(&value["valid"]).expect("a message has versions"),
        flexible: number(&value["flexible"]),
        fields: fields(&value["fields"]),
    }
}

fn fields(value: &Value) -> Vec<Field> {
    value.as_array().map(|fields| fields.iter().map(field).collect()).unwrap_or_default()
}

fn field(value: &Value) -> Field {
    let name = text(&value["t"]);
    let array = name.starts_with("[]");
    let kind = kind(name.trim_start_matches("[]"));
    let nullable = range(&value["u"]);
    let default = default(kind, array, value["d"].as_str());
    let tag = range(&value["w"]).map(|versions| {
        let tag = value["g"].as_u64().expect("a tagged field has a number");
        (u32::try_from(tag).expect("tags are small"), versions)
    });
    Field {
        name: text(&value["n"]).to_owned(),
        kind,
        array,
        versions: range(&value["v"]).unwrap_or((i16::MAX, i16::MAX)),
        nullable,
        tag,
        default,
        fields: fields(&value["f"]),
    }
}

fn kind(name: &str) -> Kind {
    match name {
        "bool" => Kind::Bool,
        "int8" => Kind::Int(1),
        "int16" => Kind::Int(2),
        "int32" => Kind::Int(4),
        "int64" => Kind::Int(8),
        "uint16" => Kind::Uint(2),
        "uint32" => Kind::Uint(4),
        "float64" => Kind::Float,
        "uuid" => Kind::Uuid,
        "string" => Kind::Text,
        "bytes" => Kind::Bytes,
        "records" => Kind::Records,
        "struct" => Kind::Struct,
        _ => panic!("the definitions have an unknown type {name}"),
    }
}

/// What Kafka takes for a field that is not given.
fn default(kind: Kind, array: bool, given: Option<&str>) -> Value {
    match (given, kind) {
        (Some("null"), _) => Value::Null,
        (Some(text), Kind::Int(_) | Kind::Uint(_)) => {
            let parsed = match text.strip_prefix("0x") {
                Some(digits) => i64::from_str_radix(digits, 16),
                None => text.parse(),
            };
            Value::from(parsed.expect("the default of a number is one"))
        }
        (Some(text), Kind::Bool) => Value::from(text == "true"),
        (Some(text), Kind::Float) => Value::from(text.parse::<f64>().expect("a number")),
        (Some(text), Kind::Text | Kind::Bytes) => Value::from(text),
        _ if array => Value::Array(Vec::new()),
        (_, Kind::Bool) => Value::from(false),
        (_, Kind::Int(_) | Kind::Uint(_)) => Value::from(0),
        (_, Kind::Float) => Value::from(0.0),
        (_, Kind::Uuid) => Value::from(super::codec::uuid_text(&[0; 16])),
        (_, Kind::Text | Kind::Bytes) => Value::from(""),
        (_, Kind::Records) => Value::Array(Vec::new()),
        (_, Kind::Struct) => Value::Object(serde_json::Map::new()),
    }
}

fn text(value: &Value) -> &str {
    value.as_str().expect("the definitions have a text here")
}

fn number(value: &Value) -> i16 {
    let number = value.as_i64().expect("the definitions have a number here");
    i16::try_from(number).expect("versions and keys are small")
}

fn range(value: &Value) -> Option<Versions> {
    let pair = value.as_array()?;
    Some((number(&pair[0]), number(&pair[1])))
}
