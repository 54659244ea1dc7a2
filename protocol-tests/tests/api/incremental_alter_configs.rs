//! IncrementalAlterConfigs: every version, every kind of resource, the checks in Kafka's order, and
//! that what was changed is in force at once and after a restart.

use felice::kernel::batch::BatchBuilder;
use kafka_protocol::ResponseError::*;
use kafka_protocol::messages::IncrementalAlterConfigsRequest;
use protocol_tests::batches;
use protocol_tests::broker::Broker;
use protocol_tests::client::Client;

use super::config_requests::*;
use super::requests::*;

/// The answer to one change of one key.
fn one(client: &mut Client, kind: i8, name: &str, op: (&str, i8, Option<&str>)) -> (i16, String) {
    let answer = alter(client, 1, vec![altered(kind, name, &[op])]).remove(0);
    (answer.0, answer.1.unwrap_or_default())
}

#[test]
fn every_version_sets_deletes_and_edits() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    for version in 0..=1 {
        let name = &format!("t{version}");
        create(&mut client, name, 1, &[]);
        let mut change = |ops: &[(&str, i8, Option<&str>)]| {
            alter(&mut client, version, vec![altered(TOPIC, name, ops)])
        };
        let ops = [("retention.ms", SET, Some("5")), ("cleanup.policy", APPEND, Some("compact"))];
        assert_eq!(change(&ops), [(0, None)], "v{version}");
        let ops = [("retention.ms", DELETE, None), ("cleanup.policy", SUBTRACT, Some("delete"))];
        assert_eq!(change(&ops[1..]), [(0, None)], "v{version}");
        assert_eq!(shown(&mut client, TOPIC, name, "retention.ms"), "5@1");
        assert_eq!(shown(&mut client, TOPIC, name, "cleanup.policy"), "compact@1");
        let answers = alter(&mut client, version, vec![altered(TOPIC, name, &ops[..1])]);
        assert_eq!(answers, [(0, None)]);
        assert_eq!(shown(&mut client, TOPIC, name, "retention.ms"), "604800000@5");
    }
}

#[test]
fn a_validation_changes_nothing() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    for version in 0..=1 {
        let resources = vec![
            altered(TOPIC, "t", &[("retention.ms", SET, Some("5"))]),
            altered(BROKER, "1", &[("log.retention.ms", SET, Some("x"))]),
            altered(METRICS, "m", &[("metrics", SET, Some("*"))]),
        ];
        let request = IncrementalAlterConfigsRequest::default()
            .with_resources(resources)
            .with_validate_only(true);
        let response = client.call(request, version);
        let codes: Vec<i16> = response.responses.iter().map(|answer| answer.error_code).collect();
        assert_eq!(codes, [0, InvalidRequest.code(), 0], "v{version}");
        assert_eq!(shown(&mut client, TOPIC, "t", "retention.ms"), "604800000@5");
        assert_eq!(shown(&mut client, METRICS, "m", "metrics"), "@5");
    }
}

#[test]
fn resources_are_judged_each_for_itself() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    let ok = ("retention.ms", SET, Some("5"));
    let unknown = ("no.such", SET, Some("5"));
    for version in 0..=1 {
        let resources = vec![
            altered(TOPIC, "t", &[ok]),
            altered(TOPIC, "nobody", &[ok]),
            altered(TOPIC, "nobody", &[]),
            altered(TOPIC, "nobody2", &[unknown]),
            altered(TOPIC, "nobody3", &[]),
            altered(TOPIC, "bad name", &[unknown]),
            altered(TOPIC, "", &[unknown]),
            altered(3, "t", &[ok]),
            altered(99, "", &[ok]),
            altered(BROKER, "7", &[unknown]),
            altered(BROKER, "x", &[ok]),
            altered(GROUP, "", &[ok]),
            altered(METRICS, "", &[ok]),
        ];
        let codes: Vec<i16> =
            alter(&mut client, version, resources).into_iter().map(|(code, _)| code).collect();
        let expected = [
            0,
            InvalidRequest.code(),
            InvalidRequest.code(),
            InvalidConfig.code(),
            UnknownTopicOrPartition.code(),
            InvalidTopicException.code(),
            InvalidRequest.code(),
            InvalidRequest.code(),
            InvalidRequest.code(),
            InvalidRequest.code(),
            InvalidRequest.code(),
            InvalidRequest.code(),
            InvalidRequest.code(),
        ];
        assert_eq!(codes, expected, "v{version}");
        assert_eq!(alter(&mut client, version, Vec::new()), []);
    }
}

#[test]
fn the_checks_of_a_change_and_their_texts_are_kafkas() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    let (config, request) = (InvalidConfig.code(), InvalidRequest.code());
    for (key, op, value, code, said) in [
        ("no.such", SET, Some("1"), config, "Unknown topic config name: no.such"),
        ("no.such", DELETE, None, 0, ""),
        ("retention.ms", DELETE, Some("ignored"), 0, ""),
        ("retention.ms", SET, None, request, "Null value not supported for : retention.ms"),
        ("cleanup.policy", APPEND, None, request, "Null value not supported for : cleanup.policy"),
        (
            "retention.ms",
            SET,
            Some("x"),
            config,
            "Invalid value x for configuration retention.ms: Not a number of type LONG",
        ),
        (
            "retention.ms",
            APPEND,
            Some("1"),
            config,
            "Can't APPEND to key retention.ms because its type is not LIST.",
        ),
        (
            "no.such",
            SUBTRACT,
            Some("1"),
            config,
            "Can't SUBTRACT to key no.such because its type is not LIST.",
        ),
        (
            "cleanup.policy",
            APPEND,
            Some("x"),
            config,
            "Invalid value x for configuration cleanup.policy: String must be one of: compact, \
             delete",
        ),
        ("retention.ms", 9, Some("1"), request, "Unknown operations type 9"),
    ] {
        let told = one(&mut client, TOPIC, "t", (key, op, value));
        assert_eq!(told, (code, said.to_owned()), "{key} {op} {value:?}");
    }
    let twice =
        altered(TOPIC, "t", &[("retention.ms", SET, Some("1")), ("retention.ms", DELETE, None)]);
    let said = Some("Error due to duplicate config keys".to_owned());
    assert_eq!(alter(&mut client, 1, vec![twice]), [(request, said)]);
    let once = altered(TOPIC, "t", &[("retention.ms", SET, Some("1"))]);
    let said = Some("Each resource must appear at most once.".to_owned());
    let answers = alter(&mut client, 1, vec![once.clone(), once]);
    assert_eq!(answers, [(request, said.clone()), (request, said)]);
    let broker = |name| altered(BROKER, name, &[("log.roll.ms", SET, Some("1"))]);
    let codes = alter(&mut client, 1, vec![broker("1"), broker("01")]);
    assert_eq!((codes[0].0, codes[1].0), (request, request), "both are broker 1");
}

#[test]
fn a_topics_settings_count_at_once() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    produce(&mut client, "t", batches::one(b"value"));
    set(&mut client, TOPIC, "t", "max.message.bytes", "20");
    let answer = try_produce(&mut client, "t", batches::one(b"value"));
    assert_eq!(answer.error_code, MessageTooLarge.code());
    unset(&mut client, TOPIC, "t", "max.message.bytes");
    set(&mut client, TOPIC, "t", "message.timestamp.type", "LogAppendTime");
    let answer = try_produce(&mut client, "t", batches::one(b"value"));
    assert_eq!(answer.error_code, 0);
    assert!(answer.log_append_time_ms > 0);
    set(&mut client, TOPIC, "t", "cleanup.policy", "compact");
    let mut batch = BatchBuilder::new();
    batch.append(batches::time(), None, Some(b"value"), &[]);
    let answer = try_produce(&mut client, "t", batch.build());
    assert_eq!(answer.error_code, InvalidRecord.code(), "a compacted topic asks for keys");
}

#[test]
fn a_brokers_settings_count_at_once_where_a_topic_is_silent() {
    let broker = Broker::start(&["message.max.bytes=1000000"]);
    let mut client = broker.connect();
    create(&mut client, "plain", 1, &[]);
    create(&mut client, "own", 1, &[("max.message.bytes", "2000000")]);
    set(&mut client, BROKER, "", "message.max.bytes", "20");
    let mut code = |topic| try_produce(&mut client, topic, batches::one(b"value")).error_code;
    assert_eq!((code("plain"), code("own")), (MessageTooLarge.code(), 0));
    set(&mut client, BROKER, "1", "message.max.bytes", "3000");
    for (kind, name, key, said) in [
        (BROKER, "1", "message.max.bytes", "3000@2"),
        (BROKER, "", "message.max.bytes", "20@3"),
        (TOPIC, "plain", "max.message.bytes", "3000@2"),
        (TOPIC, "own", "max.message.bytes", "2000000@1"),
    ] {
        assert_eq!(shown(&mut client, kind, name, key), said);
    }
    produce(&mut client, "plain", batches::one(b"value"));
    create(&mut client, "later", 1, &[]);
    assert_eq!(shown(&mut client, TOPIC, "later", "max.message.bytes"), "3000@2");
    unset(&mut client, BROKER, "1", "message.max.bytes");
    assert_eq!(shown(&mut client, TOPIC, "plain", "max.message.bytes"), "20@3");
    unset(&mut client, BROKER, "", "message.max.bytes");
    assert_eq!(shown(&mut client, TOPIC, "plain", "max.message.bytes"), "1000000@4");
}

#[test]
fn brokers_are_answered_as_by_kafka() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    let (config, request) = (InvalidConfig.code(), InvalidRequest.code());
    let prefix = "updated only per-listener using the listener prefix: [ssl.keystore.password]";
    let level = "default cluster level, broker id must be specified: [sasl.enabled.mechanisms]";
    let long = "Invalid value x for configuration log.roll.ms: Not a number of type LONG";
    let append = "Config value append is not allowed for config key: log.roll.ms";
    for (name, key, op, value, code, said) in [
        ("1", "num.partitions", SET, "4", request, "dynamically: [num.partitions]"),
        ("", "broker.rack", SET, "4", request, "dynamically: [broker.rack]"),
        ("1", "num.partitions", DELETE, "", 0, ""),
        ("1", "ssl.keystore.password", SET, "x", request, prefix),
        ("", "sasl.enabled.mechanisms", SET, "PLAIN", request, level),
        ("1", "log.roll.ms", SET, "x", request, long),
        ("1", "log.roll.ms", APPEND, "1", config, append),
        ("1", "no.such", SUBTRACT, "1", config, "Unknown config name: no.such"),
        ("7", "log.roll.ms", SET, "1", request, "expected 1, but received 7"),
        ("x", "log.roll.ms", SET, "1", request, "Node id must be an integer, but it is: x"),
    ] {
        let told = one(&mut client, BROKER, name, (key, op, Some(value)));
        assert_eq!(told.0, code, "{name:?} {key}");
        assert!(told.1.ends_with(said), "{}", told.1);
    }
    // The tools that move replicas set this.
    set(&mut client, BROKER, "1", "leader.replication.throttled.rate", "5");
    assert_eq!(shown(&mut client, BROKER, "1", "leader.replication.throttled.rate"), "5@2");
    // What nobody knows may be a secret.
    set(&mut client, BROKER, "01", "no.such", "secret");
    assert_eq!(shown(&mut client, BROKER, "1", "no.such"), "null@2");
    set(&mut client, BROKER, "1", "sasl.jaas.config", "secret");
    assert_eq!(shown(&mut client, BROKER, "1", "sasl.jaas.config"), "null@2");
}

#[test]
fn a_topics_settings_end_with_it() {
    let mut broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    set(&mut client, TOPIC, "t", "retention.ms", "77");
    delete(&mut client, "t");
    create(&mut client, "t", 1, &[]);
    assert_eq!(shown(&mut client, TOPIC, "t", "retention.ms"), "604800000@5");
    broker.stop();
    broker.restart();
    assert_eq!(shown(&mut broker.connect(), TOPIC, "t", "retention.ms"), "604800000@5");
}

#[test]
fn connections_are_limited_by_what_holds_now() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    set(&mut client, BROKER, "1", "max.connections.per.ip", "1");
    broker.connect().expect_closed();
    set(&mut client, BROKER, "1", "max.connections.per.ip.overrides", "127.0.0.1:2");
    let mut second = broker.connect();
    assert_eq!(shown(&mut second, BROKER, "1", "max.connections.per.ip"), "1@2");
    broker.connect().expect_closed();
    set(&mut client, BROKER, "", "max.connections", "1");
    drop(second);
    broker.connect().expect_closed();
    unset(&mut client, BROKER, "", "max.connections");
    let told =
        one(&mut client, BROKER, "1", ("max.connections.per.ip.overrides", SET, Some("127.0.0.1")));
    assert_eq!(told.0, InvalidRequest.code());
}

#[test]
fn groups_and_subscriptions_keep_what_they_are_given() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    let (config, request) = (InvalidConfig.code(), InvalidRequest.code());
    for (kind, key, value, code) in [
        (GROUP, "consumer.session.timeout.ms", "45001", 0),
        (GROUP, "consumer.session.timeout.ms", "5", config),
        (GROUP, "share.auto.offset.reset", "zz", config),
        (GROUP, "share.auto.offset.reset", "by_duration:PT1H", 0),
        (GROUP, "no.such", "1", config),
        (METRICS, "metrics", "a, b", 0),
        (METRICS, "metrics", "a,,b", config),
        (METRICS, "interval.ms", "99", request),
        (METRICS, "interval.ms", "x", config),
        (METRICS, "interval.ms", "100", 0),
        (METRICS, "match", "client_id=[", config),
        (METRICS, "match", " client_id = a ", 0),
        (METRICS, "no.such", "1", request),
    ] {
        let told = one(&mut client, kind, "name", (key, SET, Some(value)));
        assert_eq!(told.0, code, "{key}={value}: {}", told.1);
    }
    for (kind, key, said) in [
        (GROUP, "consumer.session.timeout.ms", "45001@8"),
        (GROUP, "share.auto.offset.reset", "by_duration:PT1H@8"),
        (GROUP, "consumer.heartbeat.interval.ms", "5000@5"),
        (METRICS, "metrics", "a,b@7"),
        (METRICS, "interval.ms", "100@7"),
        (METRICS, "match", "client_id = a@7"),
    ] {
        assert_eq!(shown(&mut client, kind, "name", key), said);
    }
    let told = one(&mut client, METRICS, "name", ("metrics", APPEND, Some("c")));
    let said = "Can't APPEND to key metrics because its type is not LIST.";
    assert_eq!(told, (config, said.to_owned()));
}

#[test]
fn log_levels_change_while_it_runs() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    let (config, request) = (InvalidConfig.code(), InvalidRequest.code());
    assert_eq!(shown(&mut client, LOGGER, "1", "felice.api"), "INFO@6");
    for (key, op, value, code, said) in [
        ("felice.api", SET, Some("LOUD"), config, "Cannot set the log level of felice.api to LOUD"),
        (
            "felice.api",
            SET,
            Some("debug"),
            config,
            "Cannot set the log level of felice.api to debug",
        ),
        ("no.such", SET, Some("DEBUG"), config, "Logger no.such does not exist!"),
        ("no.such", DELETE, None, config, "Logger no.such does not exist!"),
        ("root", DELETE, None, request, "Removing the log level of the root logger is not allowed"),
        ("root", APPEND, Some("INFO"), request, "APPEND operation is not allowed"),
        ("root", SUBTRACT, Some("INFO"), request, "SUBTRACT operation is not allowed"),
        ("felice.net", SET, Some("TRACE"), 0, ""),
        ("root", SET, Some("ERROR"), 0, ""),
    ] {
        let told = one(&mut client, LOGGER, "1", (key, op, value));
        assert_eq!(told.0, code, "{key} {op}");
        assert!(told.1.starts_with(said), "{}", told.1);
    }
    assert_eq!(shown(&mut client, LOGGER, "1", "felice.net"), "TRACE@6");
    assert_eq!(shown(&mut client, LOGGER, "1", "root"), "ERROR@6");
    unset(&mut client, LOGGER, "1", "felice.net");
    assert_eq!(shown(&mut client, LOGGER, "1", "felice.net"), "INFO@6");
    // A setting without effect is warned of, unless nobody wants to know.
    set(&mut client, BROKER, "1", "first.unknown", "1");
    set(&mut client, LOGGER, "1", "felice.coordinator", "FATAL");
    set(&mut client, BROKER, "1", "second.unknown", "1");
    let log = broker.log();
    assert!(log.contains("first.unknown") && !log.contains("second.unknown"), "{log}");
    for name in ["", "2", "x"] {
        let told = one(&mut client, LOGGER, name, ("root", SET, Some("INFO")));
        assert_eq!(told.0, request, "{name:?}");
    }
}

#[test]
fn settings_outlive_a_restart() {
    let mut broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    create(&mut client, "other", 1, &[]);
    set(&mut client, TOPIC, "t", "retention.ms", "77");
    set(&mut client, BROKER, "", "message.max.bytes", "20");
    set(&mut client, GROUP, "g", "consumer.session.timeout.ms", "50000");
    set(&mut client, METRICS, "m", "interval.ms", "1000");
    for kill in [true, false] {
        if kill {
            broker.kill()
        } else {
            broker.stop()
        }
        broker.restart();
        let mut client = broker.connect();
        assert_eq!(shown(&mut client, TOPIC, "t", "retention.ms"), "77@1");
        assert_eq!(shown(&mut client, TOPIC, "other", "max.message.bytes"), "20@3");
        assert_eq!(shown(&mut client, GROUP, "g", "consumer.session.timeout.ms"), "50000@8");
        assert_eq!(shown(&mut client, METRICS, "m", "interval.ms"), "1000@7");
        let answer = try_produce(&mut client, "other", batches::one(b"value"));
        assert_eq!(answer.error_code, MessageTooLarge.code());
    }
}

#[test]
fn keys_without_effect_have_kafkas_ranges_too() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    let mut judge =
        |name: &str, value: &str| one(&mut client, BROKER, "1", (name, SET, Some(value)));
    for (name, value, rule) in [
        ("num.io.threads", "0", "Value must be at least 1"),
        ("num.io.threads", "-1", "Value must be at least 1"),
        ("num.io.threads", "x", "Not a number of type INT"),
        ("num.network.threads", "0", "Value must be at least 1"),
        ("background.threads", "0", "Value must be at least 1"),
        ("num.replica.fetchers", "0", "Value must be at least 1"),
        ("num.recovery.threads.per.data.dir", "0", "Value must be at least 1"),
        ("log.cleaner.io.buffer.size", "-1", "Value must be at least 0"),
        ("log.flush.interval.messages", "0", "Value must be at least 1"),
        ("min.insync.replicas", "0", "Value must be at least 1"),
        ("log.preallocate", "x", "Expected value to be either true or false"),
        ("log.local.retention.ms", "-3", "Value must be at least -2"),
        ("remote.log.reader.threads", "0", "Value must be at least 1"),
        ("group.coordinator.cached.buffer.max.bytes", "1", "Value must be at least 524288"),
    ] {
        let said = format!("Invalid value {value} for configuration {name}: {rule}");
        assert_eq!(judge(name, value), (InvalidRequest.code(), said));
    }
    for (value, fits) in [("1", false), ("1048576", false), ("1048577", true)] {
        let (code, said) = judge("log.cleaner.dedupe.buffer.size", value);
        let rule = "requirement failed: log.cleaner.dedupe.buffer.size must be at least 1MB per \
                    cleaner thread.";
        assert_eq!((code == 0, said == rule), (fits, !fits), "{value}: {said}");
    }
    assert_eq!(judge("log.cleaner.threads", "0").0, InvalidRequest.code());
    let fixed = judge("log.flush.scheduler.interval.ms", "5");
    assert_eq!(fixed.0, InvalidRequest.code());
    assert!(fixed.1.ends_with("dynamically: [log.flush.scheduler.interval.ms]"), "{}", fixed.1);
}
