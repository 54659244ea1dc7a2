//! Variations of a request: one field after another gets the values at the edges of its type.
//! Which of them are mistakes is for the brokers to say.

use serde_json::{Value, json};

use super::schema::{Field, Kind, Message, within};

/// An ID that nothing has.
const NOBODY: &str = "00000000-0000-4000-8000-000000000000";

/// Every variation of `base` in a version, each with a name like `Topics.Partitions.Timestamp=-1`.
pub fn mutations(message: &Message, version: i16, base: &Value) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    of_fields(&message.fields, version, base, "", &mut found);
    found
}

fn of_fields(
    fields: &[Field],
    version: i16,
    base: &Value,
    prefix: &str,
    found: &mut Vec<(String, Value)>,
) {
    for field in fields.iter().filter(|field| within(field.versions, version)) {
        let path = format!("{prefix}{}", field.name);
        let given = base.get(&field.name).unwrap_or(&field.default).clone();
        let mut put = |name: String, value: Value| {
            let mut changed = base.clone();
            changed[&field.name] = value;
            found.push((format!("{path}={name}"), changed));
        };
        for (name, value) in whole_values(field, &given) {
            put(name, value);
        }
        inner_values(field, version, &given, &path, &mut put);
    }
}

/// What can take the place of a field as a whole.
fn whole_values(field: &Field, given: &Value) -> Vec<(String, Value)> {
    let named = |value: Value| (value.to_string(), value);
    if !field.array {
        return edges(field.kind).into_iter().filter(|(_, value)| value != given).collect();
    }
    let mut values = vec![named(Value::Null), named(json!([]))];
    if let Some(Value::Array(items)) = Some(given)
        && let Some(first) = items.first()
    {
        let mut twice = items.clone();
        twice.push(first.clone());
        values.push(("twice".to_owned(), Value::Array(twice)));
    }
    values.retain(|(_, value)| value != given);
    values
}

/// What can take the place of something inside a field.
fn inner_values(
    field: &Field,
    version: i16,
    given: &Value,
    path: &str,
    put: &mut impl FnMut(String, Value),
) {
    let inner = |item: &Value| {
        let mut inner = Vec::new();
        match field.kind {
            Kind::Struct => of_fields(&field.fields, version, item, "", &mut inner),
            kind => inner.extend(edges(kind)),
        }
        inner
    };
    match given {
        Value::Array(items) if field.array => {
            let Some(first) = items.first() else { return };
            for (name, value) in inner(first) {
                let mut items = items.clone();
                items[0] = value;
                put(format!("[{name}]"), Value::Array(items));
            }
        }
        Value::Object(object) if field.kind == Kind::Struct && !object.is_empty() => {
            for (name, value) in inner(given) {
                put(format!("{{{name}}}"), value);
            }
        }
        _ => {}
    }
    let _ = path;
}

fn edges(kind: Kind) -> Vec<(String, Value)> {
    let numbers = |size: usize| {
        let top = i64::MAX >> (64 - 8 * size);
        vec![-top - 1, -2, -1, 0, 1, 2, 3, 100, top]
    };
    let values: Vec<Value> = match kind {
        Kind::Bool => vec![json!(false), json!(true)],
        Kind::Int(size) | Kind::Uint(size) => numbers(size).into_iter().map(Value::from).collect(),
        Kind::Float => vec![json!(-1.0), json!(0.0), json!("NaN"), json!("inf")],
        Kind::Uuid => vec![json!("00000000-0000-0000-0000-000000000000"), json!(NOBODY)],
        Kind::Text => vec![json!(null), json!(""), json!("nobody"), json!("bad name!")],
        Kind::Bytes => vec![json!(null), json!(""), json!("0x00ff00ff")],
        Kind::Records => vec![json!(null), json!(""), json!("0x00ff00ff")],
        Kind::Struct => vec![json!(null)],
    };
    let mut named: Vec<_> = values.into_iter().map(|value| (value.to_string(), value)).collect();
    if kind == Kind::Text {
        named.push(("250 letters".to_owned(), json!("y".repeat(250))));
    }
    named
}
