//! Tests of the record formats against bytes Kafka wrote.

use bytes::Bytes;
use std::collections::BTreeMap;

use super::Partition;
use super::record::*;
use crate::kernel::types::Uuid;

/// The recorded values by name.
fn fixtures() -> BTreeMap<&'static str, Vec<u8>> {
    let lines = include_str!("fixtures/records.hex").lines();
    let pairs = lines.filter(|line| !line.starts_with('#')).map(|line| {
        let (name, hex) = line.split_once(' ').expect("a name and hex digits");
        (name, from_hex(hex))
    });
    pairs.collect()
}

fn from_hex(hex: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).expect("two hex digits");
    (0..hex.len()).step_by(2).map(byte).collect()
}

/// Values of an older version than the one this broker writes.
const OLDER: [&str; 4] =
    ["broker_unfenced_v0", "partition_v0", "partition_change_v0_no_leader", "register_broker_v0"];

#[test]
fn kafkas_bytes_come_back_as_they_were() {
    let mut count = 0;
    for (name, bytes) in fixtures() {
        let record = Record::decode(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        let encoded = record.encode();
        if OLDER.contains(&name) {
            assert_ne!(encoded, bytes, "{name} has an older version");
        } else {
            assert_eq!(encoded, bytes, "{name}: {record:?}");
        }
        assert_eq!(Record::decode(&encoded), Ok(record), "{name}");
        count += 1;
    }
    assert!(count > 30);
}

#[test]
fn topics_and_partitions_have_the_fields_kafka_gave_them() {
    let bytes = fixtures();
    let topic_id = Uuid::parse("MOXZ-Q35TxyYVE2SGvOrVQ").expect("an ID");
    let directory = Uuid::parse("iENa8U8jW4oMRMtaXcCwNg").expect("an ID");
    assert_eq!(
        Record::decode(&bytes["topic_first_a"]),
        Ok(Record::Topic(TopicRecord { name: "first.a".into(), topic_id }))
    );
    assert_eq!(
        Record::decode(&bytes["partition_first_a_1"]),
        Ok(Record::Partition(PartitionRecord {
            partition_index: 1,
            topic_id,
            state: Partition {
                replicas: vec![1],
                isr: vec![1],
                leader: 1,
                directories: vec![directory],
                ..Partition::default()
            },
        }))
    );
    let full = Partition {
        replicas: vec![1, 2, 3],
        isr: vec![1],
        removing_replicas: vec![2],
        adding_replicas: vec![3],
        leader: 1,
        leader_recovery_state: 1,
        leader_epoch: 5,
        partition_epoch: 6,
        directories: vec![directory, directory, topic_id],
        eligible_leader_replicas: vec![2],
        last_known_elr: vec![3],
    };
    let record = PartitionRecord { partition_index: 4, topic_id, state: full.clone() };
    assert_eq!(Record::decode(&bytes["partition_v2_full"]), Ok(Record::Partition(record)));
    let old = Partition {
        leader_recovery_state: 0,
        directories: vec![],
        eligible_leader_replicas: vec![],
        last_known_elr: vec![],
        ..full
    };
    let record = PartitionRecord { partition_index: 4, topic_id, state: old };
    assert_eq!(Record::decode(&bytes["partition_v0"]), Ok(Record::Partition(record)));
}

#[test]
fn changes_tell_what_stays_from_what_becomes_empty() {
    let bytes = fixtures();
    let topic_id = Uuid::parse("MOXZ-Q35TxyYVE2SGvOrVQ").expect("an ID");
    let directory = Uuid::parse("iENa8U8jW4oMRMtaXcCwNg").expect("an ID");
    assert_eq!(
        Record::decode(&bytes["partition_change_v2_full"]),
        Ok(Record::PartitionChange(PartitionChangeRecord {
            partition_index: 4,
            topic_id,
            isr: Some(vec![1, 2]),
            leader: Some(2),
            replicas: Some(vec![1, 2]),
            removing_replicas: Some(vec![]),
            adding_replicas: Some(vec![3]),
            leader_recovery_state: Some(0),
            directories: Some(vec![directory, topic_id]),
            eligible_leader_replicas: Some(vec![1]),
            last_known_elr: Some(vec![]),
        }))
    );
    assert_eq!(
        Record::decode(&bytes["partition_change_v0_no_leader"]),
        Ok(Record::PartitionChange(PartitionChangeRecord {
            partition_index: 4,
            topic_id,
            leader: Some(NO_LEADER),
            ..PartitionChangeRecord::default()
        }))
    );
    assert_eq!(
        Record::decode(&bytes["broker_unfenced_v0"]),
        Ok(Record::BrokerRegistrationChange(BrokerRegistrationChangeRecord {
            broker_id: 1,
            broker_epoch: 13,
            fenced: Some(false),
            ..BrokerRegistrationChangeRecord::default()
        }))
    );
}

#[test]
fn brokers_configs_and_producer_ids_have_the_fields_kafka_gave_them() {
    let bytes = fixtures();
    let Ok(Record::RegisterBroker(broker)) = Record::decode(&bytes["register_broker"]) else {
        panic!("not a broker");
    };
    assert_eq!((broker.broker_id, broker.broker_epoch, broker.fenced), (1, 13, true));
    let endpoint = Endpoint {
        name: "PLAINTEXT".into(),
        host: "127.0.0.1".into(),
        port: 29192,
        security_protocol: 0,
    };
    assert_eq!(broker.end_points, [endpoint]);
    assert_eq!(broker.features.len(), 7);
    assert_eq!(broker.log_dirs.len(), 1);
    assert_eq!(
        Record::decode(&bytes["config_delete"]),
        Ok(Record::Config(ConfigRecord {
            resource_type: 2,
            resource_name: "first".into(),
            name: "retention.ms".into(),
            value: None,
        }))
    );
    assert_eq!(
        Record::decode(&bytes["producer_ids"]),
        Ok(Record::ProducerIds(ProducerIdsRecord {
            broker_id: 1,
            broker_epoch: 13,
            next_producer_id: 1000,
        }))
    );
    assert_eq!(
        Record::decode(&bytes["abort"]),
        Ok(Record::AbortTransaction { reason: Some("why".into()) })
    );
}

#[test]
fn quotas_have_the_fields_kafka_gave_them() {
    let bytes = fixtures();
    let set = ClientQuotaRecord {
        entity: vec![("user".into(), Some("u".into())), ("client-id".into(), None)],
        key: "producer_byte_rate".into(),
        value_bits: Some(1024.0_f64.to_bits()),
    };
    let decoded = Record::decode(&bytes["client_quota_user_default_client"]);
    assert_eq!(decoded, Ok(Record::ClientQuota(set)));
    let removed = ClientQuotaRecord {
        entity: vec![("ip".into(), Some("10.0.0.1".into()))],
        key: "connection_creation_rate".into(),
        value_bits: None,
    };
    assert_eq!(Record::decode(&bytes["client_quota_removed"]), Ok(Record::ClientQuota(removed)));
}

#[test]
fn unknown_types_are_kept_and_unknown_versions_refused() {
    let bytes = &fixtures()["unknown_register_controller"];
    let body = Bytes::copy_from_slice(&bytes[3..]);
    let record = Record::Unknown { api_key: 27, version: 0, body };
    assert_eq!(Record::decode(bytes), Ok(record));
    assert_eq!(
        Record::decode(&[1, 2, 1, 0]),
        Err(Error::Version { api_key: 2, version: 1, known: 0 })
    );
    assert_eq!(Record::decode(&[2, 20, 0, 0]), Err(Error::FrameVersion(2)));
    assert_eq!(Record::decode(&[1, 20, 0, 0, 7]), Err(Error::Malformed("bytes after the end")));
}

#[test]
fn unknown_tagged_fields_are_skipped() {
    assert_eq!(Record::decode(&[1, 20, 0, 2, 9, 1, 0xff, 5, 0]), Ok(Record::NoOp));
}

#[test]
fn a_claimed_length_allocates_nothing_the_bytes_do_not_justify() {
    // A partition whose replica array claims two thousand million elements.
    let mut bytes = vec![1, 3, 2];
    bytes.extend([0; 20]);
    bytes.extend([0xff, 0xff, 0xff, 0xff, 0x07]);
    assert_eq!(Record::decode(&bytes), Err(Error::Truncated));
}

#[test]
fn every_prefix_and_every_flipped_byte_is_read_without_panic() {
    for (name, bytes) in fixtures() {
        let unknown = name.starts_with("unknown");
        for end in 0..bytes.len() {
            assert!(unknown || Record::decode(&bytes[..end]).is_err(), "{name} cut at {end}");
            // Whatever comes of it must be writable and readable again.
            for flip in [0x01, 0x80, 0xff] {
                let mut changed = bytes.clone();
                changed[end] ^= flip;
                if let Ok(record) = Record::decode(&changed) {
                    assert_eq!(Record::decode(&record.encode()), Ok(record), "{name} at {end}");
                }
            }
        }
    }
}
