//! AlterClientQuotas: every version, which entities, keys and values there are, and that quotas
//! last. The expected codes are Kafka's own answers, but for host names in place of addresses.

use std::collections::BTreeMap;

use kafka_protocol::ResponseError::InvalidRequest;
use kafka_protocol::messages::alter_client_quotas_request::{EntityData, EntryData, OpData};
use kafka_protocol::messages::{
    AlterClientQuotasRequest, AlterClientQuotasResponse, DescribeClientQuotasRequest,
};
use protocol_tests::broker::Broker;
use protocol_tests::client::{Client, text};

/// Type and name, `None` for the default.
pub type Part<'a> = (&'a str, Option<&'a str>);

fn entry(entity: &[Part<'_>], ops: &[(&str, Option<f64>)]) -> EntryData {
    let parts = entity.iter().map(|(kind, name)| {
        EntityData::default().with_entity_type(text(kind)).with_entity_name(name.map(text))
    });
    let ops = ops.iter().map(|(key, value)| {
        let op = OpData::default().with_key(text(key)).with_value(value.unwrap_or(0.0));
        op.with_remove(value.is_none())
    });
    EntryData::default().with_entity(parts.collect()).with_ops(ops.collect())
}

fn request(entries: Vec<EntryData>) -> AlterClientQuotasRequest {
    AlterClientQuotasRequest::default().with_entries(entries)
}

fn codes(response: &AlterClientQuotasResponse) -> Vec<i16> {
    response.entries.iter().map(|entry| entry.error_code).collect()
}

/// Changes the quotas of one entity; answers the code.
pub fn alter(client: &mut Client, entity: &[Part<'_>], ops: &[(&str, Option<f64>)]) -> i16 {
    let response = client.call(request(vec![entry(entity, ops)]), 1);
    assert_eq!(response.entries.len(), 1);
    response.entries[0].error_code
}

/// All quotas as text, `entity key=value`, sorted.
pub fn all(client: &mut Client) -> Vec<String> {
    let response = client.call(DescribeClientQuotasRequest::default(), 1);
    assert_eq!((response.error_code, response.throttle_time_ms), (0, 0));
    let mut lines = Vec::new();
    for entry in response.entries.expect("there is a list") {
        let entity: BTreeMap<_, _> = entry
            .entity
            .iter()
            .map(|part| (part.entity_type.to_string(), part.entity_name.as_deref()))
            .collect();
        let entity: Vec<String> = entity
            .into_iter()
            .map(|(kind, name)| format!("{kind}={}", name.unwrap_or("<default>")))
            .collect();
        lines.extend(
            entry.values.iter().map(|v| format!("{} {}={}", entity.join(" "), &*v.key, v.value)),
        );
    }
    lines.sort();
    lines
}

const USER: &[Part<'static>] = &[("user", Some("u"))];
const IP: &[Part<'static>] = &[("ip", Some("10.0.0.1"))];

#[test]
fn every_version_sets_and_removes() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    for version in 0..=1 {
        let set = entry(
            &[("user", Some("u")), ("client-id", None)],
            &[("producer_byte_rate", Some(1000.0)), ("request_percentage", Some(12.5))],
        );
        let response = client.call(request(vec![set]), version);
        assert_eq!(response.throttle_time_ms, 0);
        let answer = &response.entries[0];
        assert_eq!((answer.error_code, &answer.error_message), (0, &None));
        let mut echoed: Vec<_> = answer
            .entity
            .iter()
            .map(|part| (part.entity_type.to_string(), part.entity_name.clone()))
            .collect();
        echoed.sort();
        assert_eq!(echoed, [("client-id".into(), None), ("user".into(), Some(text("u")))]);
        assert_eq!(
            all(&mut client),
            [
                "client-id=<default> user=u producer_byte_rate=1000",
                "client-id=<default> user=u request_percentage=12.5"
            ]
        );
        let removed = entry(
            &[("user", Some("u")), ("client-id", None)],
            &[("producer_byte_rate", None), ("request_percentage", None)],
        );
        assert_eq!(codes(&client.call(request(vec![removed]), version)), [0]);
        assert_eq!(all(&mut client), [""; 0]);
    }
}

#[test]
fn entities_that_make_no_sense_are_refused() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    let refused: &[&[Part<'_>]] = &[
        &[],
        &[("user", Some(""))],
        &[("client-id", Some(""))],
        &[("group", Some("g"))],
        &[("", Some("g"))],
        &[("ip", Some("10.0.0.1")), ("user", Some("u"))],
        &[("ip", None), ("client-id", None)],
        &[("ip", Some("not an address"))],
        &[("ip", Some("300.1.2.3"))],
    ];
    for entity in refused {
        let key = match entity.first() {
            Some(("ip", _)) => "connection_creation_rate",
            _ => "producer_byte_rate",
        };
        let code = alter(&mut client, entity, &[(key, Some(1.0))]);
        assert_eq!(code, InvalidRequest.code(), "{entity:?}");
    }
    assert_eq!(all(&mut client), [""; 0]);
}

#[test]
fn keys_and_values_are_checked() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    let refused: &[(&[Part<'_>], &str, f64)] = &[
        (USER, "no_such_key", 1.0),
        (USER, "connection_creation_rate", 1.0),
        (IP, "producer_byte_rate", 1.0),
        (USER, "producer_byte_rate", 0.0),
        (USER, "producer_byte_rate", -1.0),
        (USER, "producer_byte_rate", 1.5),
        (USER, "consumer_byte_rate", 1.001),
        (USER, "producer_byte_rate", 1e19),
        (USER, "request_percentage", 0.0),
        (USER, "controller_mutation_rate", -0.5),
        (IP, "connection_creation_rate", 0.5),
        (IP, "connection_creation_rate", 2_147_483_648.0),
    ];
    for (entity, key, value) in refused {
        let code = alter(&mut client, entity, &[(key, Some(*value))]);
        assert_eq!(code, InvalidRequest.code(), "{key}={value}");
    }
    // One bad key spoils all changes of its entity, and no other's.
    let bad = entry(USER, &[("producer_byte_rate", Some(1.0)), ("no_such_key", Some(1.0))]);
    let good = entry(IP, &[("connection_creation_rate", Some(2_147_483_647.0))]);
    let mut answered = codes(&client.call(request(vec![bad, good]), 1));
    answered.sort();
    assert_eq!(answered, [0, InvalidRequest.code()]);
    assert_eq!(all(&mut client), ["ip=10.0.0.1 connection_creation_rate=2147483647"]);
}

#[test]
fn unusual_values_are_taken() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    assert_eq!(alter(&mut client, USER, &[("no_such_key", None)]), 0, "nothing to remove");
    assert_eq!(alter(&mut client, USER, &[]), 0, "nothing to do");
    let taken: &[(&[Part<'_>], &str, f64)] = &[
        (USER, "request_percentage", 0.001),
        (USER, "controller_mutation_rate", 1e12),
        (USER, "consumer_byte_rate", 9e18),
        (USER, "producer_byte_rate", 1.000_000_1),
        (&[("ip", None)], "connection_creation_rate", 5.0),
        (&[("ip", Some("::1"))], "connection_creation_rate", 6.0),
        (&[("client-id", Some("c/ä d"))], "producer_byte_rate", 7.0),
    ];
    for (entity, key, value) in taken {
        assert_eq!(alter(&mut client, entity, &[(key, Some(*value))]), 0, "{key}={value}");
    }
    assert_eq!(all(&mut client).len(), taken.len());
}

#[test]
fn validating_changes_nothing() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    let entries =
        vec![entry(USER, &[("producer_byte_rate", Some(1.0))]), entry(IP, &[("x", Some(1.0))])];
    let mut answered = codes(&client.call(request(entries).with_validate_only(true), 1));
    answered.sort();
    assert_eq!(answered, [0, InvalidRequest.code()]);
    assert_eq!(all(&mut client), [""; 0]);
}

#[test]
fn quotas_outlive_the_broker() {
    let mut broker = Broker::start(&["metadata.log.max.record.bytes.between.snapshots=300"]);
    let mut client = broker.connect();
    for (name, rate) in [("a", 1.0), ("b", 2.0), ("c", 3.0), ("d", 4.0)] {
        let entity = [("user", Some(name)), ("client-id", None)];
        assert_eq!(alter(&mut client, &entity, &[("producer_byte_rate", Some(rate))]), 0);
    }
    assert_eq!(alter(&mut client, &[("user", None)], &[("consumer_byte_rate", Some(5.0))]), 0);
    let entity = [("user", Some("b")), ("client-id", None)];
    assert_eq!(alter(&mut client, &entity, &[("producer_byte_rate", None)]), 0);
    let before = all(&mut client);
    assert_eq!(before.len(), 4);
    broker.kill();
    broker.restart();
    let mut client = broker.connect();
    assert_eq!(all(&mut client), before);
}
