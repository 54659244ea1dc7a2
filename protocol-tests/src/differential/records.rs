//! Record batches: made from a description, good or as wrong as it says, and described again when
//! they come back. Whether a batch is right is for the brokers to say.

use felice::kernel::batch::{BatchHeader, Codec, HEADER_SIZE};
use felice::kernel::recompress::recompress;
use felice::kernel::records::read_records;
use felice::kernel::validate::Rebuild;
use serde_json::{Map, Value};

use super::codec::{bytes, bytes_text, hex};

const CRC_AT: usize = 17;
const ATTRIBUTES_AT: usize = 21;
/// More than any batch of the cases holds.
const DECOMPRESSED_MAX: usize = 1 << 26;

/// Fields of a head that a description may set: name, position, bytes.
const HEAD: [(&str, usize, usize); 13] = [
    ("baseOffset", 0, 8),
    ("length", 8, 4),
    ("leaderEpoch", 12, 4),
    ("magic", 16, 1),
    ("attributes", 21, 2),
    ("lastDelta", 23, 4),
    ("firstTime", 27, 8),
    ("maxTime", 35, 8),
    ("pid", 43, 8),
    ("epoch", 51, 2),
    ("seq", 53, 4),
    ("count", 57, 4),
    ("crc", 17, 4),
];

/// Everything a description may say.
const WORDS: [&str; 8] = ["records", "n", "times", "codec", "body", "cut", "extra", "value"];

/// The bytes that a description stands for. `time` is the time of records that name none.
///
/// `n` records (1), or `times` for one record each, or `records`, each with `key`, `value`,
/// `headers` (pairs), `time`, `off` (offset delta), `attributes`; `codec` compresses them; `body`
/// replaces what lies behind the head; then any field of the head by its name, with a CRC that
/// fits unless `crc` is given; `extra` appends bytes, `cut` takes some off the end.
pub fn build(spec: &Value, time: i64) -> Result<Vec<u8>, String> {
    let spec = spec.as_object().ok_or("a batch needs fields")?;
    let known =
        |key: &&String| WORDS.contains(&key.as_str()) || HEAD.iter().any(|(name, ..)| name == key);
    if let Some(unknown) = spec.keys().find(|key| !known(key)) {
        return Err(format!("a batch has no {unknown}"));
    }
    let records = listed(spec, time);
    let mut batch = plain(&records, time);
    set_length(&mut batch);
    if let Some(name) = spec.get("codec").and_then(Value::as_str) {
        let codecs = [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd];
        let codec = codecs.into_iter().find(|codec| codec.name() == name);
        let codec = codec.ok_or_else(|| format!("no codec {name}"))?;
        let rebuild = Rebuild { codec, renumber: false };
        batch = recompress(&batch, rebuild, None, DECOMPRESSED_MAX)
            .map_err(|error| format!("cannot be compressed: {error}"))?
            .to_vec();
    }
    if let Some(body) = spec.get("body").and_then(Value::as_str) {
        batch.truncate(HEADER_SIZE);
        batch.extend(bytes(body));
    }
    set_length(&mut batch);
    for (name, at, size) in HEAD {
        if name == "crc" {
            let crc = crc32c::crc32c(&batch[ATTRIBUTES_AT..]);
            batch[CRC_AT..ATTRIBUTES_AT].copy_from_slice(&crc.to_be_bytes());
        }
        let Some(value) = spec.get(name) else { continue };
        let mut number = value.as_i64().ok_or_else(|| format!("{name} is no number"))?;
        if name == "attributes" {
            number |= i64::from(batch[ATTRIBUTES_AT + 1] & 7);
        }
        batch[at..at + size].copy_from_slice(&number.to_be_bytes()[8 - size..]);
    }
    if let Some(extra) = spec.get("extra").and_then(Value::as_str) {
        batch.extend(bytes(extra));
    }
    let cut = spec.get("cut").and_then(Value::as_u64).unwrap_or(0) as usize;
    batch.truncate(batch.len().saturating_sub(cut));
    Ok(batch)
}

fn set_length(batch: &mut [u8]) {
    let length = (batch.len() - 12) as u32;
    batch[8..12].copy_from_slice(&length.to_be_bytes());
}

/// A description for each record.
fn listed(spec: &Map<String, Value>, time: i64) -> Vec<Value> {
    if let Some(Value::Array(records)) = spec.get("records") {
        return records.clone();
    }
    let value = |index: usize| {
        let given = spec.get("value").cloned();
        given.unwrap_or_else(|| Value::from(format!("value {index}")))
    };
    let record = |index: usize, time: &Value| {
        let value = value(index);
        serde_json::json!({ "key": "key", "value": value, "time": time })
    };
    if let Some(Value::Array(times)) = spec.get("times") {
        return times.iter().enumerate().map(|(index, time)| record(index, time)).collect();
    }
    let count = spec.get("n").and_then(Value::as_u64).unwrap_or(1) as usize;
    (0..count).map(|index| record(index, &Value::from(time))).collect()
}

/// An uncompressed batch of these records.
fn plain(records: &[Value], time: i64) -> Vec<u8> {
    let time_of = |record: &Value| record.get("time").and_then(Value::as_i64).unwrap_or(time);
    let first = records.first().map_or(time, time_of);
    let max = records.iter().map(time_of).max().unwrap_or(time);
    let mut batch = vec![0; HEADER_SIZE];
    batch[12..16].copy_from_slice(&(-1_i32).to_be_bytes());
    batch[16] = 2;
    let count = records.len() as i32;
    batch[23..27].copy_from_slice(&(count - 1).to_be_bytes());
    batch[27..35].copy_from_slice(&first.to_be_bytes());
    batch[35..43].copy_from_slice(&max.to_be_bytes());
    batch[43..57].fill(0xff);
    batch[57..61].copy_from_slice(&count.to_be_bytes());
    for (index, record) in records.iter().enumerate() {
        let delta = record.get("off").and_then(Value::as_i64).unwrap_or(index as i64);
        let attributes = record.get("attributes").and_then(Value::as_i64).unwrap_or(0);
        let mut content = vec![attributes as u8];
        varint(&mut content, time_of(record).wrapping_sub(first));
        varint(&mut content, delta);
        blob(&mut content, record.get("key"));
        blob(&mut content, record.get("value"));
        let none = Vec::new();
        let headers = record.get("headers").and_then(Value::as_array).unwrap_or(&none);
        varint(&mut content, headers.len() as i64);
        for header in headers {
            blob(&mut content, header.get(0));
            blob(&mut content, header.get(1));
        }
        varint(&mut batch, content.len() as i64);
        batch.extend(content);
    }
    batch
}

fn varint(out: &mut Vec<u8>, value: i64) {
    let mut rest = ((value << 1) ^ (value >> 63)) as u64;
    while rest >= 0x80 {
        out.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

fn blob(out: &mut Vec<u8>, value: Option<&Value>) {
    match value.and_then(Value::as_str) {
        None => varint(out, -1),
        Some(text) => {
            let bytes = bytes(text);
            varint(out, bytes.len() as i64);
            out.extend(bytes);
        }
    }
}

/// What record data holds: the heads of its batches without what is as usual, a sum of the records
/// of each, and the bytes of a batch that is cut short. Compressed records are summed as they are
/// when decompressed, for compressors differ.
pub fn describe(data: &[u8]) -> Value {
    let mut found = Vec::new();
    let mut rest = data;
    while let Ok(header) = BatchHeader::parse(rest) {
        let Some(batch) = rest.get(..header.total_size()) else { break };
        found.push(describe_batch(&header, batch));
        rest = &rest[batch.len()..];
    }
    if !rest.is_empty() {
        found.push(serde_json::json!({"partial": rest.len()}));
    }
    Value::Array(found)
}

fn describe_batch(header: &BatchHeader, batch: &[u8]) -> Value {
    let mut out = Map::new();
    let mut put = |name: &str, value: i64, usual: i64| {
        if value != usual {
            out.insert(name.to_owned(), Value::from(value));
        }
    };
    put("baseOffset", header.base_offset, -1);
    put("leaderEpoch", i64::from(header.leader_epoch), 0);
    put("attributes", i64::from(header.attributes), 0);
    put("lastDelta", i64::from(header.last_offset_delta), i64::from(header.record_count) - 1);
    put("firstTime", header.base_timestamp, i64::MIN);
    put("maxTime", header.max_timestamp, i64::MIN);
    put("pid", header.producer_id, -1);
    put("epoch", i64::from(header.producer_epoch), -1);
    put("seq", i64::from(header.base_sequence), -1);
    put("count", i64::from(header.record_count), -1);
    if crc32c::crc32c(&batch[ATTRIBUTES_AT..]) != header.crc {
        out.insert("crc".to_owned(), Value::from("wrong"));
    }
    let body = &batch[HEADER_SIZE..];
    let text = match header.codec() {
        _ if header.is_control() => bytes_text(body),
        Some(Codec::None) => format!("{} bytes {:08x}", body.len(), crc32c::crc32c(body)),
        _ => unpacked(header, batch),
    };
    out.insert("body".to_owned(), Value::from(text));
    Value::Object(out)
}

fn unpacked(header: &BatchHeader, batch: &[u8]) -> String {
    let mut sum = 0;
    for record in read_records(batch, DECOMPRESSED_MAX) {
        let Ok(record) = record else { return "unreadable".to_owned() };
        // Under LogAppendTime a record's time is that of its batch.
        let time = match header.attributes & 8 {
            0 => record.timestamp - header.base_timestamp,
            _ => 0,
        };
        let delta = (record.offset - header.base_offset, time);
        let key = record.key.as_deref().map(hex);
        let value = record.value.as_deref().map(hex);
        let text = format!("{delta:?} {key:?} {value:?} {:?}", record.headers.len());
        sum = crc32c::crc32c_append(sum, text.as_bytes());
    }
    format!("packed {sum:08x}")
}
