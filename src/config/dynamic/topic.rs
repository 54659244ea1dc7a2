//! The settings that a partition works with: what its topic says, else what the broker says, else
//! the default. Deliberately judges nothing: settings are validated before they are kept, and a
//! text that is invalid all the same (say, kept by a newer version) counts as not set.

use super::describe::Source;
use super::{Key, Value, broker_key, topic_key, topic_keys};
use std::collections::BTreeMap;

/// What the broker says about the keys that topics leave open, in three layers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BrokerDefaults {
    static_settings: BTreeMap<String, String>,
    cluster_settings: BTreeMap<String, String>,
    dynamic_settings: BTreeMap<String, String>,
}

impl BrokerDefaults {
    /// The settings from the broker's files and command line.
    pub fn new(static_settings: BTreeMap<String, String>) -> Self {
        BrokerDefaults { static_settings, ..BrokerDefaults::default() }
    }

    /// The same with settings that were made through AlterConfigs: those of all brokers, and those
    /// of this broker, which win.
    pub fn with_dynamic(
        self,
        cluster_settings: BTreeMap<String, String>,
        dynamic_settings: BTreeMap<String, String>,
    ) -> Self {
        BrokerDefaults { cluster_settings, dynamic_settings, ..self }
    }

    /// The settings from the broker's files and command line.
    pub fn static_settings(&self) -> &BTreeMap<String, String> {
        &self.static_settings
    }

    /// Every place that sets a broker key, the strongest first.
    pub(super) fn set_by<'a>(&'a self, name: &str) -> impl Iterator<Item = (Source, &'a str)> {
        let layers = [
            (Source::DynamicBroker, &self.dynamic_settings),
            (Source::DynamicDefaultBroker, &self.cluster_settings),
            (Source::StaticBroker, &self.static_settings),
        ];
        let found = layers.map(|(source, layer)| layer.get(name).map(|text| (source, &**text)));
        found.into_iter().flatten()
    }

    /// The settings that were made for all brokers through AlterConfigs.
    pub fn cluster_settings(&self) -> &BTreeMap<String, String> {
        &self.cluster_settings
    }

    /// The settings that were made for this broker through AlterConfigs.
    pub fn dynamic_settings(&self) -> &BTreeMap<String, String> {
        &self.dynamic_settings
    }

    /// The value in force of a broker key; `None` for a key that does not exist or is not set.
    pub fn value(&self, name: &str) -> Option<Value> {
        let key = broker_key(name)?;
        let set = self.set_by(name).find_map(|(_, text)| key.parse(text).ok());
        set.or_else(|| key.default.and_then(|text| key.parse(text).ok()))
    }

    /// The number in force of a broker key that has a default.
    pub fn number(&self, name: &str) -> i64 {
        match self.value(name) {
            Some(Value::Number(number)) => number,
            _ => unreachable_default(name),
        }
    }

    /// The value of a topic's or group's key that it does not set, and where it comes from.
    pub(super) fn default_of(&self, key: &Key) -> (Option<Value>, Source) {
        for (synonym, factor) in key.synonyms {
            let Some(broker_key) = broker_key(synonym) else { continue };
            for (source, text) in self.set_by(synonym) {
                if let Ok(value) = broker_key.parse(text) {
                    return (Some(scale(value, *factor)), source);
                }
            }
        }
        (key.default.and_then(|text| key.parse(text).ok()), Source::Default)
    }
}

/// Turns hours or minutes into milliseconds; every negative number means "no limit".
fn scale(value: Value, factor: i64) -> Value {
    match value {
        Value::Number(number) if factor != 1 && number < 0 => Value::Number(-1),
        Value::Number(number) => Value::Number(number.saturating_mul(factor)),
        other => other,
    }
}

/// Whose clock gives the timestamps of a topic's records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampType {
    /// The producer's.
    CreateTime,
    /// The broker's.
    LogAppendTime,
}

/// How the broker stores batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompressionType {
    /// As the producer sent them.
    Producer,
    /// Not compressed.
    Uncompressed,
    /// In gzip.
    Gzip,
    /// In snappy.
    Snappy,
    /// In lz4.
    Lz4,
    /// In zstd.
    Zstd,
}

/// The settings of a topic, resolved. Times are in milliseconds, sizes in bytes; the names are
/// those of the keys.
#[derive(Clone, Debug, PartialEq)]
pub struct TopicConfig {
    /// Drop segments past the retention limits (`cleanup.policy`).
    pub cleanup_delete: bool,
    /// Keep the last record of each key only (`cleanup.policy`).
    pub cleanup_compact: bool,
    /// Codec in which batches are stored.
    pub compression_type: CompressionType,
    /// 1 to 9, or -1 for the codec's default.
    pub compression_gzip_level: i32,
    /// 1 to 17.
    pub compression_lz4_level: i32,
    /// -131072 to 22.
    pub compression_zstd_level: i32,
    /// How long tombstones stay readable.
    pub delete_retention_ms: i64,
    /// Wait before a dropped segment's file is removed.
    pub file_delete_delay_ms: i64,
    /// Records that may be unsynced before one more waits for a sync, at least 1.
    pub flush_messages: i64,
    /// How long a record may be unsynced.
    pub flush_ms: i64,
    /// Bytes of log between two entries of the offset index.
    pub index_interval_bytes: u32,
    /// Time after which a record must have been considered for compaction, at least 1.
    pub max_compaction_lag_ms: i64,
    /// Largest batch that a producer may send.
    pub max_message_bytes: u32,
    /// How far a timestamp may lie after the broker's clock.
    pub message_timestamp_after_max_ms: i64,
    /// How far a timestamp may lie before the broker's clock.
    pub message_timestamp_before_max_ms: i64,
    /// Whose clock counts.
    pub message_timestamp_type: TimestampType,
    /// Share of uncompacted log that makes compaction worth while, 0 to 1. May be NaN, as in Kafka.
    pub min_cleanable_dirty_ratio: f64,
    /// How long a record is safe from compaction.
    pub min_compaction_lag_ms: i64,
    /// In-sync replicas that acks=all needs, at least 1; to be capped by the replicas there are.
    pub min_insync_replicas: i32,
    /// Take the blocks of a segment when it is begun.
    pub preallocate: bool,
    /// Size to which a partition is cut; `None` means no limit.
    pub retention_bytes: Option<u64>,
    /// Age past which segments are dropped; `None` means no limit.
    pub retention_ms: Option<i64>,
    /// Size at which a segment is full, at least 1: `internal.segment.bytes` wins where it is set.
    pub segment_bytes: u32,
    /// Bytes of a segment's index, at 8 for each entry, at which the segment is full.
    pub segment_index_bytes: u32,
    /// Upper limit of the random time by which `segment_ms` is shortened.
    pub segment_jitter_ms: i64,
    /// Age at which a segment is closed, at least 1.
    pub segment_ms: i64,
    /// Let a replica that missed data lead.
    pub unclean_leader_election_enable: bool,
}

/// Looks keys up in a topic's own settings, then in the broker's.
struct Lookup<'a> {
    broker: &'a BrokerDefaults,
    overrides: &'a BTreeMap<String, String>,
}

impl Lookup<'_> {
    fn value(&self, name: &str) -> Option<Value> {
        let key = topic_key(name)?;
        let own = self.overrides.get(name).and_then(|text| key.parse(text).ok());
        own.or_else(|| self.broker.default_of(key).0)
    }

    fn long(&self, name: &str) -> i64 {
        match self.value(name) {
            Some(Value::Number(number)) => number,
            _ => unreachable_default(name),
        }
    }

    fn int(&self, name: &str) -> i32 {
        let number = self.long(name);
        i32::try_from(number).unwrap_or(if number < 0 { i32::MIN } else { i32::MAX })
    }

    /// For keys whose range begins at 0 or above.
    fn size(&self, name: &str) -> u32 {
        self.int(name).max(0).cast_unsigned()
    }

    fn boolean(&self, name: &str) -> bool {
        self.value(name) == Some(Value::Boolean(true))
    }

    fn double(&self, name: &str) -> f64 {
        match self.value(name) {
            Some(Value::Double(number)) => number,
            _ => unreachable_default(name),
        }
    }

    fn text(&self, name: &str) -> String {
        self.value(name).map(|value| value.to_string()).unwrap_or_default()
    }
}

/// A missing default would be a mistake in the table, which a test resolves whole.
fn unreachable_default<T>(name: &str) -> T {
    panic!("the key {name} has a default of its type in the table")
}

impl TopicConfig {
    /// Resolves the settings of a topic from its own `overrides` and the broker's.
    pub fn resolve(broker: &BrokerDefaults, overrides: &BTreeMap<String, String>) -> TopicConfig {
        let get = Lookup { broker, overrides };
        let policy = get.value("cleanup.policy");
        let has_policy = |wanted: &str| match &policy {
            Some(Value::List(entries)) => entries.iter().any(|entry| entry == wanted),
            _ => false,
        };
        TopicConfig {
            cleanup_delete: has_policy("delete"),
            cleanup_compact: has_policy("compact"),
            compression_type: compression_type(&get.text("compression.type")),
            compression_gzip_level: get.int("compression.gzip.level"),
            compression_lz4_level: get.int("compression.lz4.level"),
            compression_zstd_level: get.int("compression.zstd.level"),
            delete_retention_ms: get.long("delete.retention.ms"),
            file_delete_delay_ms: get.long("file.delete.delay.ms"),
            flush_messages: get.long("flush.messages"),
            flush_ms: get.long("flush.ms"),
            index_interval_bytes: get.size("index.interval.bytes"),
            max_compaction_lag_ms: get.long("max.compaction.lag.ms"),
            max_message_bytes: get.size("max.message.bytes"),
            message_timestamp_after_max_ms: get.long("message.timestamp.after.max.ms"),
            message_timestamp_before_max_ms: get.long("message.timestamp.before.max.ms"),
            message_timestamp_type: timestamp_type(&get.text("message.timestamp.type")),
            min_cleanable_dirty_ratio: get.double("min.cleanable.dirty.ratio"),
            min_compaction_lag_ms: get.long("min.compaction.lag.ms"),
            min_insync_replicas: get.int("min.insync.replicas"),
            preallocate: get.boolean("preallocate"),
            retention_bytes: u64::try_from(get.long("retention.bytes")).ok(),
            retention_ms: Some(get.long("retention.ms")).filter(|ms| *ms >= 0),
            segment_bytes: segment_bytes(&get),
            segment_index_bytes: get.size("segment.index.bytes"),
            segment_jitter_ms: get.long("segment.jitter.ms"),
            segment_ms: get.long("segment.ms"),
            unclean_leader_election_enable: get.boolean("unclean.leader.election.enable"),
        }
    }
}

fn segment_bytes(get: &Lookup<'_>) -> u32 {
    match get.value("internal.segment.bytes") {
        // Kafka accepts any number here; a segment holds at least one byte.
        Some(Value::Number(number)) => u32::try_from(number.max(1)).unwrap_or(u32::MAX),
        _ => get.size("segment.bytes"),
    }
}

fn compression_type(text: &str) -> CompressionType {
    match text {
        "uncompressed" => CompressionType::Uncompressed,
        "gzip" => CompressionType::Gzip,
        "snappy" => CompressionType::Snappy,
        "lz4" => CompressionType::Lz4,
        "zstd" => CompressionType::Zstd,
        _ => CompressionType::Producer,
    }
}

fn timestamp_type(text: &str) -> TimestampType {
    match text {
        "LogAppendTime" => TimestampType::LogAppendTime,
        _ => TimestampType::CreateTime,
    }
}

/// The keys of `overrides` that topics do not have, for a warning when they come from the disk.
pub fn unknown_overrides(overrides: &BTreeMap<String, String>) -> impl Iterator<Item = &str> {
    let known = |name: &str| topic_keys().iter().any(|key| key.name == name);
    overrides.keys().map(String::as_str).filter(move |name| !known(name))
}
