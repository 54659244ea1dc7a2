//! The dump: every batch of a file in order, and its records if they are asked for. What is damaged
//! is named in its place.

use std::borrow::Cow;
use std::fs::File;
use std::io::Write;

use serde_json::{Value, json};

use super::Error;
use super::check::read_at;
use super::place::SegmentFile;
use crate::kernel::batch::{BatchHeader, TimestampType};
use crate::kernel::log::soundness::{self, Expected, Source, Step, Walk};
use crate::kernel::log::transactions::{self, Marker};
use crate::kernel::records::{self, Record};

/// Bound on the records of one batch after decompression.
const DECOMPRESSED_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Prints a file. Says whether all of it is sound.
pub fn dump(
    file: &SegmentFile,
    json: bool,
    records: bool,
    out: &mut dyn Write,
) -> Result<bool, Error> {
    let io = |error| Error::Io(file.path.clone(), error);
    let open = File::open(&file.path).map_err(io)?;
    let bytes = open.metadata().map_err(io)?.len();
    let expected = Expected {
        least_offset: file.base_offset,
        most_offset: soundness::offset_max(file.base_offset),
        least_epoch: -1,
    };
    let source = Source::new(bytes, |buffer, position| read_at(&open, buffer, position));
    let mut walk = Walk::new(source, 0, expected);
    let mut printer = Printer { json, out };
    printer.file(&file.path.display().to_string(), bytes)?;
    let mut sound = true;
    loop {
        match walk.step().map_err(io)? {
            Step::Batch { position, header } => {
                printer.batch(position, &header)?;
                if records {
                    let mut batch = vec![0; header.total_size()];
                    read_at(&open, &mut batch, position).map_err(io)?;
                    sound &= match transactions::marker(&header, &batch) {
                        Some(marker) => printer.marker(&header, &batch, marker)?,
                        None => printer.records(&batch)?,
                    };
                }
            }
            Step::Damage(damage) => {
                sound = false;
                printer.damage(damage.position, damage.end, &damage.fault.to_string())?;
            }
            Step::Tail { position, fault, .. } => {
                sound = false;
                printer.damage(position, bytes, &fault.to_string())?;
            }
            Step::End => return Ok(sound),
        }
    }
}

struct Printer<'a> {
    json: bool,
    out: &'a mut dyn Write,
}

impl Printer<'_> {
    fn line(&mut self, object: &Value, text: &str) -> Result<(), Error> {
        let written = match self.json {
            true => writeln!(self.out, "{object}"),
            false => writeln!(self.out, "{text}"),
        };
        written.map_err(Error::Output)
    }

    fn file(&mut self, path: &str, bytes: u64) -> Result<(), Error> {
        self.line(&json!({"file": path, "bytes": bytes}), &format!("{path}: {bytes} bytes"))
    }

    fn damage(&mut self, position: u64, end: u64, reason: &str) -> Result<(), Error> {
        let text = format!("  damaged from {position} to {end}: {reason}");
        self.line(&json!({"damaged": {"position": position, "end": end, "reason": reason}}), &text)
    }

    fn batch(&mut self, position: u64, header: &BatchHeader) -> Result<(), Error> {
        let codec = header.codec().map_or("unknown", |codec| codec.name());
        let time = match header.timestamp_type() {
            TimestampType::CreateTime => "CreateTime",
            TimestampType::LogAppendTime => "LogAppendTime",
        };
        let object = json!({"batch": {
            "position": position,
            "bytes": header.total_size(),
            "base_offset": header.base_offset,
            "last_offset": header.last_offset(),
            "records": header.record_count,
            "leader_epoch": header.leader_epoch,
            "max_timestamp": header.max_timestamp,
            "timestamp_type": time,
            "compression": codec,
            "producer_id": header.producer_id,
            "producer_epoch": header.producer_epoch,
            "base_sequence": header.base_sequence,
            "is_transactional": header.is_transactional(),
            "is_control": header.is_control(),
            "delete_horizon": header.has_delete_horizon().then_some(header.base_timestamp),
            "crc": header.crc,
        }});
        let mut text = format!(
            "  at {position}: offsets {} to {}, {} records, {} bytes, epoch {}, {time} {}, {codec}",
            header.base_offset,
            header.last_offset(),
            header.record_count,
            header.total_size(),
            header.leader_epoch,
            header.max_timestamp,
        );
        if header.has_producer_id() {
            let (id, epoch) = (header.producer_id, header.producer_epoch);
            text += &format!(", producer {id} epoch {epoch} sequence {}", header.base_sequence);
        }
        let marks =
            [(header.is_transactional(), "transactional"), (header.is_control(), "control")];
        for (_, mark) in marks.iter().filter(|(is_set, _)| *is_set) {
            text = format!("{text}, {mark}");
        }
        if header.has_delete_horizon() {
            text += &format!(", delete horizon {}", header.base_timestamp);
        }
        self.line(&object, &text)
    }

    /// Prints the end of a transaction. It can always be read.
    fn marker(
        &mut self,
        header: &BatchHeader,
        batch: &[u8],
        marker: Marker,
    ) -> Result<bool, Error> {
        let does = match marker {
            Marker::Commit => "commit",
            Marker::Abort => "abort",
            // It has no record any more.
            Marker::Emptied => return Ok(true),
        };
        let epoch = transactions::coordinator_epoch(header, batch);
        let (offset, timestamp) = (header.base_offset, header.max_timestamp);
        let object = json!({"marker": {
            "offset": offset,
            "timestamp": timestamp,
            "type": does,
            "coordinator_epoch": epoch,
        }});
        let epoch = epoch.map_or_else(|| "?".to_owned(), |epoch| epoch.to_string());
        let text = format!("    {offset} at {timestamp}: {does}, coordinator epoch {epoch}");
        self.line(&object, &text)?;
        Ok(true)
    }

    /// Prints the records of a batch. Says whether all could be read.
    fn records(&mut self, batch: &[u8]) -> Result<bool, Error> {
        for item in records::read_records(batch, DECOMPRESSED_BYTES_MAX) {
            let record = match item {
                Ok(record) => record,
                Err(error) => {
                    let text = format!("    the records cannot be read: {error}");
                    self.line(&json!({"unreadable": error.to_string()}), &text)?;
                    return Ok(false);
                }
            };
            self.record(&record)?;
        }
        Ok(true)
    }

    fn record(&mut self, record: &Record) -> Result<(), Error> {
        let headers: Vec<Value> = record
            .headers
            .iter()
            .map(|header| json!([value(Some(&header.key)), value(header.value.as_deref())]))
            .collect();
        let object = json!({"record": {
            "offset": record.offset,
            "timestamp": record.timestamp,
            "key": value(record.key.as_deref()),
            "value": value(record.value.as_deref()),
            "headers": headers,
        }});
        let (key, body) = (text(record.key.as_deref()), text(record.value.as_deref()));
        let mut line =
            format!("    {} at {}: key {key} value {body}", record.offset, record.timestamp);
        for header in &record.headers {
            let (key, value) = (text(Some(&header.key)), text(header.value.as_deref()));
            line += &format!(" header {key} {value}");
        }
        self.line(&object, &line)
    }
}

/// Bytes as a JSON string if they are text, as an object with hexadecimal digits if not.
fn value(bytes: Option<&[u8]>) -> Value {
    match bytes.map(std::str::from_utf8) {
        None => Value::Null,
        Some(Ok(text)) => json!(text),
        Some(Err(_)) => json!({"hex": hex(bytes.unwrap_or_default())}),
    }
}

/// Bytes in one line for a person.
fn text(bytes: Option<&[u8]>) -> Cow<'static, str> {
    match bytes.map(std::str::from_utf8) {
        None => "null".into(),
        Some(Ok(text)) => format!("{text:?}").into(),
        Some(Err(_)) => format!("0x{}", hex(bytes.unwrap_or_default())).into(),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
