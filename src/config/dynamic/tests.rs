//! Tests of the table and of what is told from it.

use super::*;

/// Every broker and topic key that Kafka 4.3.1 lists in DescribeConfigs: scope, name, type,
/// default, whether it may change while the broker runs, and whether it is sensitive.
const RECORDED: &str = include_str!("kafka-4.3.1.tsv");

/// Where Felice's default deliberately is another than Kafka's, as the key's documentation
/// explains.
const OTHER_DEFAULTS: &[&str] = &[
    "listeners",
    "log.dir",
    "node.id",
    "queued.max.request.bytes",
    "socket.listen.backlog.size",
    "socket.receive.buffer.bytes",
    "socket.send.buffer.bytes",
];

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn broker(pairs: &[(&str, &str)]) -> BrokerDefaults {
    BrokerDefaults::new(map(pairs))
}

fn text(name: &str, value: &str) -> String {
    match validate_topic(name, value) {
        Ok(value) => value.to_string(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn the_table_is_kafkas() {
    let mut rows = 0;
    for line in RECORDED.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let [scope, name, kind, default, change, secrecy] = fields[..] else {
            panic!("six fields: {line}")
        };
        let key = if scope == "topic" { topic_key(name) } else { broker_key(name) };
        let key = key.unwrap_or_else(|| panic!("{scope} key {name} is missing"));
        assert_eq!(key.kind.name(), kind, "{name}");
        // Kafka changes the first at run time, and the second with it.
        let fixed = matches!(name, "listeners" | "listener.security.protocol.map");
        assert_eq!(key.read_only, change == "read-only" || fixed, "{name}");
        assert_eq!(key.sensitive, secrecy == "sensitive", "{name}");
        assert!(!key.hidden && !key.own, "{name}");
        if !OTHER_DEFAULTS.contains(&name) {
            assert_eq!(key.default.unwrap_or("<null>"), default, "{name}");
        }
        rows += 1;
    }
    let shown = topic_keys().iter().chain(broker_keys()).filter(|key| !key.hidden && !key.own);
    assert_eq!(shown.count(), rows);
}

#[test]
fn every_key_is_there_once_explained_and_valid() {
    for scope in [
        topic_keys().iter().collect::<Vec<_>>(),
        broker_keys().collect(),
        group_keys().iter().collect(),
        client_metrics_keys().iter().collect(),
    ] {
        let mut names: Vec<&str> = scope.iter().map(|key| key.name).collect();
        names.sort_unstable();
        let all = names.len();
        names.dedup();
        assert_eq!(names.len(), all);
        for key in scope {
            let doc = key.documentation();
            assert!(doc.len() > 20 && doc.ends_with('.'), "{}: {doc}", key.name);
            if let Some(default) = key.default {
                let value = key.parse(default).map(|value| value.to_string());
                assert_eq!(value.as_deref(), Ok(default), "{}", key.name);
            }
        }
    }
}

#[test]
fn a_key_has_the_default_of_its_broker_keys() {
    for key in topic_keys().iter().chain(group_keys()) {
        let defaults = key.synonyms.iter().map(|(name, factor)| {
            let synonym = broker_key(name).unwrap_or_else(|| panic!("{name} is missing"));
            assert_eq!(synonym.scope, Scope::Broker);
            let default = synonym.default?;
            Some(match default.parse::<i64>() {
                Ok(number) => number.saturating_mul(*factor).to_string(),
                Err(_) => default.to_owned(),
            })
        });
        if let Some(default) = defaults.flatten().next() {
            assert_eq!(Some(&*default), key.default, "{}", key.name);
        }
    }
}

#[test]
fn kafkas_answers_to_topic_settings() {
    for (name, value, answer) in [
        ("cleanup.policy", "", ""),
        ("cleanup.policy", "delete,delete", "delete"),
        ("cleanup.policy", " delete , compact ", "delete,compact"),
        ("cleanup.policy", "delete,,x", "Configuration 'cleanup.policy' values must not be empty."),
        ("segment.bytes", " 2097152 ", "2097152"),
        ("preallocate", "TRUE", "true"),
        ("retention.bytes", "-3", "-3"),
        ("min.cleanable.dirty.ratio", "NaN", "NaN"),
        ("min.insync.replicas", "5", "5"),
        ("internal.segment.bytes", "-1", "-1"),
        (
            "compression.type",
            "ZSTD",
            "Invalid value ZSTD for configuration compression.type: String must be one of: \
             uncompressed, zstd, lz4, snappy, gzip, producer",
        ),
        (
            "segment.bytes",
            "1024",
            "Invalid value 1024 for configuration segment.bytes: Value must be at least 1048576",
        ),
        (
            "min.cleanable.dirty.ratio",
            "2",
            "Invalid value 2.0 for configuration min.cleanable.dirty.ratio: Value must be no more \
             than 1",
        ),
        (
            "preallocate",
            "yes",
            "Invalid value yes for configuration preallocate: Expected value to be either true or \
             false",
        ),
        (
            "retention.ms",
            "x",
            "Invalid value x for configuration retention.ms: Not a number of type LONG",
        ),
        ("message.format.version", "3.0", "Unknown topic config name: message.format.version"),
        ("log.retention.ms", "1", "Unknown topic config name: log.retention.ms"),
    ] {
        assert_eq!(text(name, value), answer, "{name}={value}");
    }
}

#[test]
fn settings_of_a_topic_are_judged_together() {
    let judge = |settings: &[(&'static str, Option<&'static str>)]| {
        let verdict = validate_topic_settings(&broker(&[]), settings.iter().copied());
        verdict.err().map(|error| error.to_string())
    };
    assert_eq!(judge(&[]), None);
    assert_eq!(judge(&[("retention.ms", Some("1")), ("segment.ms", Some("1"))]), None);
    assert_eq!(
        judge(&[("segment.ms", None)]).as_deref(),
        Some("Null value not supported for topic configs: segment.ms")
    );
    assert_eq!(judge(&[("nosuch", Some("1"))]), Some("Unknown topic config name: nosuch".into()));
    let lag = [("min.compaction.lag.ms", Some("1000")), ("max.compaction.lag.ms", Some("10"))];
    assert_eq!(
        judge(&lag).as_deref(),
        Some(
            "conflict topic config setting min.compaction.lag.ms (1000) > \
             max.compaction.lag.ms (10)"
        )
    );
    assert!(judge(&[("remote.storage.enable", Some(" TRUE "))]).is_some());
    assert_eq!(judge(&[("remote.storage.enable", Some("false"))]), None);
}

#[test]
fn a_topic_without_settings_has_kafkas_defaults() {
    let config = TopicConfig::resolve(&broker(&[]), &map(&[]));
    let expected = TopicConfig {
        cleanup_delete: true,
        cleanup_compact: false,
        compression_type: CompressionType::Producer,
        compression_gzip_level: -1,
        compression_lz4_level: 9,
        compression_zstd_level: 3,
        delete_retention_ms: 86_400_000,
        file_delete_delay_ms: 60_000,
        flush_messages: i64::MAX,
        flush_ms: i64::MAX,
        index_interval_bytes: 4096,
        max_compaction_lag_ms: i64::MAX,
        max_message_bytes: 1_048_588,
        message_timestamp_after_max_ms: 3_600_000,
        message_timestamp_before_max_ms: i64::MAX,
        message_timestamp_type: TimestampType::CreateTime,
        min_cleanable_dirty_ratio: 0.5,
        min_compaction_lag_ms: 0,
        min_insync_replicas: 1,
        preallocate: false,
        retention_bytes: None,
        retention_ms: Some(604_800_000),
        segment_bytes: 1 << 30,
        segment_index_bytes: 10_485_760,
        segment_jitter_ms: 0,
        segment_ms: 604_800_000,
        unclean_leader_election_enable: false,
    };
    assert_eq!(config, expected);
}

#[test]
fn the_topic_wins_over_the_broker_and_small_units_over_large_ones() {
    let retention = |pairs: &[(&str, &str)], own: &[(&str, &str)]| {
        TopicConfig::resolve(&broker(pairs), &map(own)).retention_ms
    };
    let all =
        [("log.retention.hours", "1"), ("log.retention.minutes", "2"), ("log.retention.ms", "3")];
    assert_eq!(retention(&all[..1], &[]), Some(3_600_000));
    assert_eq!(retention(&all[..2], &[]), Some(120_000));
    assert_eq!(retention(&all, &[]), Some(3));
    assert_eq!(retention(&all, &[("retention.ms", "4")]), Some(4));
    assert_eq!(retention(&all, &[("retention.ms", "-1")]), None);
    assert_eq!(retention(&[("log.retention.hours", "-1")], &[]), None);
    assert_eq!(retention(&all, &[("retention.ms", "broken")]), Some(3));
    let huge = [("log.retention.hours", "2147483647")];
    assert_eq!(retention(&huge, &[]), Some(2_147_483_647 * 3_600_000));
    let dynamic = broker(&all).with_dynamic(
        map(&[("log.retention.ms", "5"), ("log.segment.bytes", "1048576")]),
        map(&[("log.retention.ms", "6")]),
    );
    let config = TopicConfig::resolve(&dynamic, &map(&[]));
    assert_eq!((config.retention_ms, config.segment_bytes), (Some(6), 1_048_576));
}

#[test]
fn odd_settings_resolve_without_overflow() {
    let own = [
        ("cleanup.policy", ""),
        ("internal.segment.bytes", "-1"),
        ("retention.bytes", "-3"),
        ("message.timestamp.type", "LogAppendTime"),
        ("compression.type", "zstd"),
        ("max.message.bytes", "2147483647"),
        ("min.cleanable.dirty.ratio", "NaN"),
    ];
    let config = TopicConfig::resolve(&broker(&[]), &map(&own));
    assert!(!config.cleanup_delete && !config.cleanup_compact);
    assert_eq!((config.segment_bytes, config.retention_bytes), (1, None));
    assert_eq!(config.message_timestamp_type, TimestampType::LogAppendTime);
    assert_eq!(config.compression_type, CompressionType::Zstd);
    assert_eq!(config.max_message_bytes, 2_147_483_647);
    assert!(config.min_cleanable_dirty_ratio.is_nan());
    let both = TopicConfig::resolve(&broker(&[]), &map(&[("cleanup.policy", "compact,delete")]));
    assert!(both.cleanup_delete && both.cleanup_compact);
    let kept = map(&[("from.the.future", "1"), ("segment.ms", "1")]);
    assert_eq!(unknown_overrides(&kept).collect::<Vec<_>>(), ["from.the.future"]);
}

/// One setting as `value@source: name=value@source; …`, as Kafka's own tools print it.
fn told(all: &[Described], name: &str) -> String {
    let setting = all.iter().find(|setting| setting.name == name).expect(name);
    let show = |value: &Option<String>| value.clone().unwrap_or("null".to_owned());
    let synonyms: Vec<String> = setting
        .synonyms
        .iter()
        .map(|synonym| {
            format!("{}={}@{}", synonym.name, show(&synonym.value), synonym.source.code())
        })
        .collect();
    let (value, source) = (show(&setting.value), setting.source.code());
    format!("{value}@{source}: {}", synonyms.join("; ")).trim_end().to_owned()
}

#[test]
fn topics_are_described_as_kafka_does() {
    let plain = describe_topic(&map(&[]), &broker(&[]));
    assert_eq!(plain.len(), 33);
    assert_eq!(told(&plain, "retention.ms"), "604800000@5:");
    assert_eq!(told(&plain, "flush.ms"), "9223372036854775807@5:");
    assert_eq!(told(&plain, "remote.storage.enable"), "false@5:");
    assert_eq!(told(&plain, "cleanup.policy"), "delete@5: log.cleanup.policy=delete@5");
    assert_eq!(told(&plain, "compression.type"), "producer@5: compression.type=producer@5");
    assert!(plain.iter().all(|setting| !setting.read_only && !setting.is_sensitive));

    let own = map(&[
        ("segment.bytes", " 2097152 "),
        ("preallocate", "TRUE"),
        ("internal.segment.bytes", "1048576"),
    ]);
    let set = [("log.segment.bytes", "3145728"), ("log.retention.ms", "9")];
    let all = describe_topic(&own, &broker(&set));
    assert_eq!(all.len(), 34);
    assert_eq!(
        told(&all, "segment.bytes"),
        "2097152@1: segment.bytes=2097152@1; log.segment.bytes=3145728@4; \
         log.segment.bytes=1073741824@5"
    );
    assert_eq!(told(&all, "preallocate"), "true@1: preallocate=true@1; log.preallocate=false@5");
    assert_eq!(told(&all, "internal.segment.bytes"), "1048576@1: internal.segment.bytes=1048576@1");
    assert_eq!(told(&all, "retention.ms"), "9@4: log.retention.ms=9@4; log.retention.hours=168@5");
}

#[test]
fn hours_and_minutes_of_the_broker_show_in_its_topics() {
    let set = [("log.retention.minutes", "30"), ("log.retention.hours", "24")];
    let all = describe_topic(&map(&[]), &broker(&set));
    assert_eq!(
        told(&all, "retention.ms"),
        "1800000@4: log.retention.minutes=30@4; log.retention.hours=24@4; log.retention.hours=168@5"
    );
}

#[test]
fn the_broker_is_described_as_kafka_does() {
    let set = [
        ("log.retention.minutes", "30"),
        ("log.retention.hours", "24"),
        ("ssl.keystore.password", "secret"),
        ("num.io.threads", "many"),
        ("node.id", "7"),
    ];
    let dynamic = broker(&set)
        .with_dynamic(map(&[("message.max.bytes", "5")]), map(&[("message.max.bytes", "6")]));
    let all = describe_broker(&dynamic);
    for (name, expected) in [
        (
            "log.retention.minutes",
            "30@4: log.retention.minutes=30@4; log.retention.hours=24@4; log.retention.hours=168@5",
        ),
        ("log.retention.hours", "24@4: log.retention.hours=24@4; log.retention.hours=168@5"),
        ("log.retention.ms", "null@5:"),
        ("log.dirs", "null@5:"),
        ("ssl.keystore.password", "null@4: ssl.keystore.password=null@4"),
        ("num.io.threads", "many@4: num.io.threads=many@4; num.io.threads=8@5"),
        (
            "message.max.bytes",
            "6@2: message.max.bytes=6@2; message.max.bytes=5@3; message.max.bytes=1048588@5",
        ),
        ("durability", "fsync@5: durability=fsync@5"),
        ("node.id", "7@4: node.id=7@4"),
    ] {
        assert_eq!(told(&all, name), expected);
    }
    let find = |name: &str| all.iter().find(|setting| setting.name == name).expect("listed");
    assert!(find("ssl.keystore.password").is_sensitive && !find("log.retention.ms").read_only);
    assert!(find("num.partitions").read_only && find("num.partitions").kind == Some(Kind::Int));
    assert!(all.iter().all(|setting| setting.name != "unstable.api.versions.enable"));
}

#[test]
fn sensitive_values_stay_out_of_errors() {
    let mut key = *broker_key("ssl.key.password").expect("a key of Kafka's");
    key.check = Check::OneOf(&["x"]);
    let error = key.parse("secret").expect_err("not x").to_string();
    assert!(!error.contains("secret"), "{error}");
}

#[test]
fn the_documentation_is_the_table() {
    let written = include_str!("../../../docs/configuration.md");
    let hint = "run `felice config --markdown > docs/configuration.md`";
    assert!(written == markdown::markdown(), "{hint}");
    for key in topic_keys().iter().chain(broker_keys()).filter(|key| !key.hidden) {
        assert!(written.contains(&format!("`{}`", key.name)), "{}", key.name);
    }
}
