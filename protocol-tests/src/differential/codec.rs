//! Encodes requests from named fields and decodes answers into them, in any version, by Kafka's
//! definitions alone. It follows what it is told, however wrong: a null where none may be is
//! written as a null, and a field that is not given has its default.
//!
//! Bytes are texts here: `0x` and hexadecimal digits, or themselves where they are printable.
//! Decoded fields that hold their default are left out.

use serde_json::{Map, Value};

use super::records;
use super::schema::{Field, Kind, Message, within};

/// The body of a request. Fails on values that a field cannot hold.
pub fn encode(message: &Message, version: i16, body: &Value) -> Result<Vec<u8>, String> {
    let mut writer = Writer { out: Vec::new(), version, flexible: version >= message.flexible };
    writer.fields(&message.fields, body)?;
    Ok(writer.out)
}

struct Writer {
    out: Vec<u8>,
    version: i16,
    flexible: bool,
}

impl Writer {
    fn fields(&mut self, fields: &[Field], body: &Value) -> Result<(), String> {
        if let Some(given) = body.as_object() {
            let unknown = given.keys().find(|key| !fields.iter().any(|field| field.name == **key));
            if let Some(unknown) = unknown {
                return Err(format!("no field {unknown}"));
            }
        }
        let present = fields.iter().filter(|field| within(field.versions, self.version));
        let (tagged, plain): (Vec<&Field>, Vec<&Field>) =
            present.partition(|field| field.tag_in(self.version).is_some());
        for field in plain {
            let value = body.get(&field.name).unwrap_or(&field.default);
            self.field(field, value).map_err(|error| format!("{}: {error}", field.name))?;
        }
        if self.flexible {
            let given: Vec<_> = tagged
                .into_iter()
                .filter_map(|field| Some((field, body.get(&field.name)?)))
                .collect();
            self.length(given.len());
            for (field, value) in given {
                let mut inner = Writer { out: Vec::new(), version: self.version, flexible: true };
                inner.field(field, value).map_err(|error| format!("{}: {error}", field.name))?;
                self.length(field.tag_in(self.version).unwrap_or(0) as usize);
                self.length(inner.out.len());
                self.out.extend(inner.out);
            }
        }
        Ok(())
    }

    fn field(&mut self, field: &Field, value: &Value) -> Result<(), String> {
        if !field.array {
            return self.value(field, value);
        }
        let items = match value {
            Value::Null => {
                self.null(4);
                return Ok(());
            }
            Value::Array(items) => items,
            other => return Err(format!("{other} is no array")),
        };
        self.size(items.len(), 4);
        items.iter().try_for_each(|item| self.value(field, item))
    }

    fn value(&mut self, field: &Field, value: &Value) -> Result<(), String> {
        let wrong = || format!("{value} is no {:?}", field.kind);
        match (field.kind, value) {
            (Kind::Bool, Value::Bool(value)) => self.out.push(u8::from(*value)),
            (Kind::Bool, Value::Number(value)) => {
                self.out.push(value.as_u64().ok_or_else(wrong)? as u8);
            }
            (Kind::Int(size) | Kind::Uint(size), Value::Number(number)) => {
                let number = number.as_i64().ok_or_else(wrong)?;
                self.out.extend_from_slice(&number.to_be_bytes()[8 - size..]);
            }
            (Kind::Float, Value::Number(number)) => {
                let number = number.as_f64().ok_or_else(wrong)?;
                self.out.extend_from_slice(&number.to_be_bytes());
            }
            (Kind::Float, Value::String(text)) => {
                let number: f64 = text.parse().map_err(|_| wrong())?;
                self.out.extend_from_slice(&number.to_be_bytes());
            }
            (Kind::Uuid, Value::String(text)) => {
                self.out.extend_from_slice(&uuid(text).ok_or_else(wrong)?);
            }
            (Kind::Text, Value::String(text)) => {
                let bytes = bytes(text);
                self.size(bytes.len(), 2);
                self.out.extend_from_slice(&bytes);
            }
            (Kind::Bytes | Kind::Records, Value::String(text)) => {
                let bytes = bytes(text);
                self.size(bytes.len(), 4);
                self.out.extend_from_slice(&bytes);
            }
            (Kind::Records, Value::Array(items)) if items.is_empty() => self.size(0, 4),
            (Kind::Text, Value::Null) => self.null(2),
            (Kind::Bytes | Kind::Records, Value::Null) => self.null(4),
            (Kind::Struct, Value::Null) => self.out.push(0xff),
            (Kind::Struct, Value::Object(_)) => {
                if !field.array && field.nullable.is_some() {
                    self.out.push(1);
                }
                self.fields(&field.fields, value)?;
            }
            _ => return Err(wrong()),
        }
        Ok(())
    }

    fn size(&mut self, size: usize, bytes: usize) {
        match self.flexible {
            true => self.length(size + 1),
            false => self.out.extend_from_slice(&(size as u64).to_be_bytes()[8 - bytes..]),
        }
    }

    fn null(&mut self, bytes: usize) {
        match self.flexible {
            true => self.out.push(0),
            false => self.out.extend_from_slice(&vec![0xff; bytes]),
        }
    }

    fn length(&mut self, length: usize) {
        let mut rest = length;
        while rest >= 0x80 {
            self.out.push((rest & 0x7f) as u8 | 0x80);
            rest >>= 7;
        }
        self.out.push(rest as u8);
    }
}

/// The fields of an answer's body. Fails when it is not exactly one such message.
pub fn decode(message: &Message, version: i16, body: &[u8]) -> Result<Value, String> {
    let mut reader = Reader { rest: body, version, flexible: version >= message.flexible };
    let value = reader.fields(&message.fields)?;
    match reader.rest.len() {
        0 => Ok(value),
        left => Err(format!("{left} bytes behind the answer")),
    }
}

struct Reader<'a> {
    rest: &'a [u8],
    version: i16,
    flexible: bool,
}

impl<'a> Reader<'a> {
    fn fields(&mut self, fields: &[Field]) -> Result<Value, String> {
        let mut found = Map::new();
        let version = self.version;
        for field in fields.iter().filter(|field| within(field.versions, version)) {
            if field.tag_in(version).is_none() {
                let value = self.field(field).map_err(|e| format!("{}: {e}", field.name))?;
                if value != field.default {
                    found.insert(field.name.clone(), value);
                }
            }
        }
        if self.flexible {
            for _ in 0..self.length()? {
                let tag = self.length()?;
                let size = self.length()?;
                let bytes = self.take(size)?;
                let field =
                    fields.iter().find(|field| field.tag_in(version) == u32::try_from(tag).ok());
                let field = field.ok_or_else(|| format!("an unknown tag {tag}"))?;
                let mut inner = Reader { rest: bytes, version, flexible: true };
                let value = inner.field(field).map_err(|e| format!("{}: {e}", field.name))?;
                if !inner.rest.is_empty() {
                    return Err(format!("{}: bytes behind the tag", field.name));
                }
                // A tag that holds its default need not be there, but is no difference.
                if value != field.default {
                    found.insert(field.name.clone(), value);
                }
            }
        }
        Ok(Value::Object(found))
    }

    fn field(&mut self, field: &Field) -> Result<Value, String> {
        if !field.array {
            return self.value(field);
        }
        let Some(count) = self.size(4)? else { return Ok(Value::Null) };
        if count > self.rest.len() {
            return Err(format!("an array of {count} items"));
        }
        (0..count).map(|_| self.value(field)).collect::<Result<Vec<_>, _>>().map(Value::Array)
    }

    fn value(&mut self, field: &Field) -> Result<Value, String> {
        Ok(match field.kind {
            Kind::Bool => Value::from(self.take(1)?[0] != 0),
            Kind::Int(size) => Value::from(self.number(size)?),
            Kind::Uint(size) => Value::from(self.number(size)? & ((1 << (8 * size)) - 1)),
            Kind::Float => {
                let bits = self.number(8)? as u64;
                let number = f64::from_bits(bits);
                serde_json::Number::from_f64(number)
                    .map_or_else(|| Value::from(number.to_string()), Value::Number)
            }
            Kind::Uuid => Value::from(uuid_text(self.take(16)?)),
            Kind::Text => match self.size(2)? {
                None => Value::Null,
                Some(size) => Value::from(bytes_text(self.take(size)?)),
            },
            Kind::Bytes => match self.size(4)? {
                None => Value::Null,
                Some(size) => Value::from(bytes_text(self.take(size)?)),
            },
            Kind::Records => match self.size(4)? {
                None => Value::Null,
                Some(size) => records::describe(self.take(size)?),
            },
            Kind::Struct => {
                if !field.array && field.nullable.is_some() && self.take(1)?[0] == 0xff {
                    return Ok(Value::Null);
                }
                self.fields(&field.fields)?
            }
        })
    }

    fn take(&mut self, size: usize) -> Result<&'a [u8], String> {
        if size > self.rest.len() {
            return Err(format!("{size} bytes wanted, {} left", self.rest.len()));
        }
        let (taken, rest) = self.rest.split_at(size);
        self.rest = rest;
        Ok(taken)
    }

    fn number(&mut self, size: usize) -> Result<i64, String> {
        let bytes = self.take(size)?;
        let first = i64::from(bytes[0] as i8);
        Ok(bytes[1..].iter().fold(first, |number, byte| number << 8 | i64::from(*byte)))
    }

    fn length(&mut self) -> Result<usize, String> {
        let mut length = 0_u64;
        for shift in (0..35).step_by(7) {
            let byte = self.take(1)?[0];
            length |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(length as usize);
            }
        }
        Err("a length of more than five bytes".to_owned())
    }

    fn size(&mut self, bytes: usize) -> Result<Option<usize>, String> {
        if self.flexible {
            return Ok(self.length()?.checked_sub(1));
        }
        let size = self.number(bytes)?;
        Ok(usize::try_from(size).ok())
    }
}

/// The bytes that a text stands for.
pub fn bytes(text: &str) -> Vec<u8> {
    let digits = text.strip_prefix("0x").filter(|digits| digits.len() % 2 == 0);
    let decoded = digits.and_then(|digits| {
        (0..digits.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok())
            .collect()
    });
    decoded.unwrap_or_else(|| text.as_bytes().to_vec())
}

/// The text that stands for some bytes.
pub fn bytes_text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.chars().any(char::is_control) => text.to_owned(),
        _ => format!("0x{}", hex(bytes)),
    }
}

/// Hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The usual text of a UUID.
pub fn uuid_text(bytes: &[u8]) -> String {
    let digits = hex(bytes);
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|part| &digits[part]);
    parts.join("-")
}

fn uuid(text: &str) -> Option<Vec<u8>> {
    let bytes = bytes(&format!("0x{}", text.replace('-', "")));
    (bytes.len() == 16).then_some(bytes)
}
