//! Fixtures written by Kafka 4.3.1's own serializers, round trips, and damaged records.

use super::*;

const OFFSET_KEY: &str = "0001000767726f75702d310005746f70696300000007";
const GROUP_KEY: &str = "0002000767726f75702d31";

const OFFSET_VALUES: [&str; 5] = [
    "00000000001cbe991a1400056dc3a974610000018bcfe5687b",
    "00010000001cbe991a1400056dc3a974610000018bcfe5687b0000018bcff4aa3f",
    "00020000001cbe991a1400056dc3a974610000018bcfe5687b",
    "00030000001cbe991a140000000500056dc3a974610000018bcfe5687b",
    "00040000001cbe991a1400000005066dc3a974610000018bcfe5687b00",
];

const OFFSET_VALUE_WITH_ID: &str =
    "00040000000000000001ffffffff0100000000000000020100100102030405060708090a0b0c0d0e0f10";

const GROUP_VALUES: [&str; 5] = [
    "00000008636f6e73756d657200000003000572616e67650003632d31000000020003632d31000163000a2f313237\
     2e302e302e310000afc800000003000102000000000003732d3200016300092f31302e302e302e31000027100000\
     0000000000020908",
    "00010008636f6e73756d657200000003000572616e67650003632d31000000020003632d31000163000a2f313237\
     2e302e302e31000493e00000afc800000003000102000000000003732d3200016300092f31302e302e302e310000\
     ea600000271000000000000000020908",
    "00020008636f6e73756d657200000003000572616e67650003632d310000018bcfe569c8000000020003632d3100\
     0163000a2f3132372e302e302e31000493e00000afc800000003000102000000000003732d3200016300092f3130\
     2e302e302e310000ea600000271000000000000000020908",
    "00030008636f6e73756d657200000003000572616e67650003632d310000018bcfe569c8000000020003632d31ff\
     ff000163000a2f3132372e302e302e31000493e00000afc800000003000102000000000003732d32000173000163\
     00092f31302e302e302e310000ea600000271000000000000000020908",
    "000409636f6e73756d6572000000030672616e676504632d310000018bcfe569c80304632d310002630b2f313237\
     2e302e302e31000493e00000afc804000102010004732d32027302630a2f31302e302e302e310000ea6000002710\
     010309080000",
];

const GROUP_VALUE_EMPTY: &str = "0003000000000004ffffffff000000000000000700000000";

fn bytes(hex: &str) -> Bytes {
    let digits: Vec<u8> = hex.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

fn committed() -> OffsetValue {
    OffsetValue {
        offset: 123_456_789_012,
        leader_epoch: 5,
        metadata: "m\u{e9}ta".into(),
        commit_timestamp: 1_700_000_000_123,
        expire_timestamp: None,
        topic_id: Uuid::ZERO,
    }
}

fn stable() -> GroupValue {
    let member = |id: &str, instance: Option<&str>, host: &str| MemberValue {
        member_id: id.into(),
        group_instance_id: instance.map(Arc::from),
        client_id: "c".into(),
        client_host: host.into(),
        rebalance_timeout_ms: if instance.is_some() { 60_000 } else { 300_000 },
        session_timeout_ms: if instance.is_some() { 10_000 } else { 45_000 },
        subscription: Bytes::from_static(if instance.is_some() { b"" } else { b"\0\x01\x02" }),
        assignment: Bytes::from_static(if instance.is_some() { b"\x09\x08" } else { b"" }),
    };
    GroupValue {
        protocol_type: "consumer".into(),
        generation: 3,
        protocol: Some("range".into()),
        leader: Some("c-1".into()),
        current_state_timestamp: 1_700_000_000_456,
        members: vec![member("c-1", None, "/127.0.0.1"), member("s-2", Some("s"), "/10.0.0.1")],
    }
}

#[test]
fn offsets_are_written_as_kafka_writes_them() {
    let record = offset("group-1", "topic", 7, &committed());
    assert_eq!(record.key, bytes(OFFSET_KEY));
    assert_eq!(record.value, Some(bytes(OFFSET_VALUES[4])));

    let expiring = OffsetValue { expire_timestamp: Some(1_700_000_999_999), ..committed() };
    let record = offset("group-1", "topic", 7, &expiring);
    assert_eq!(record.value, Some(bytes(OFFSET_VALUES[1])));

    let with_id = OffsetValue {
        offset: 1,
        leader_epoch: -1,
        metadata: "".into(),
        commit_timestamp: 2,
        expire_timestamp: None,
        topic_id: Uuid([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]),
    };
    let record = offset("group-1", "topic", 7, &with_id);
    assert_eq!(record.value, Some(bytes(OFFSET_VALUE_WITH_ID)));
    let entry = decode(&record.key, record.value.as_deref());
    let Ok(Some(Entry::Offset { value, .. })) = entry else { panic!("{entry:?}") };
    assert_eq!(value, Some(with_id));
}

#[test]
fn groups_are_written_as_kafka_writes_them() {
    let record = group("group-1", &stable());
    assert_eq!(record.key, bytes(GROUP_KEY));
    assert_eq!(record.value, Some(bytes(GROUP_VALUES[3])));

    let empty = GroupValue {
        protocol_type: "".into(),
        generation: 4,
        protocol: None,
        leader: None,
        current_state_timestamp: 7,
        members: Vec::new(),
    };
    assert_eq!(group("group-1", &empty).value, Some(bytes(GROUP_VALUE_EMPTY)));
}

#[test]
fn every_version_of_an_offset_is_read() {
    for (version, value) in OFFSET_VALUES.iter().enumerate() {
        let expected = OffsetValue {
            leader_epoch: if version >= 3 { 5 } else { -1 },
            expire_timestamp: (version == 1).then_some(1_700_000_999_999),
            ..committed()
        };
        let mut legacy_key = bytes(OFFSET_KEY).to_vec();
        legacy_key[1] = 0;
        for key in [bytes(OFFSET_KEY), legacy_key.into()] {
            let entry = decode(&key, Some(&bytes(value))).unwrap();
            let expected = Entry::Offset {
                group_id: "group-1".into(),
                topic: "topic".into(),
                partition: 7,
                value: Some(expected.clone()),
            };
            assert_eq!(entry, Some(expected), "version {version}");
        }
    }
}

#[test]
fn every_version_of_a_group_is_read() {
    for (version, value) in GROUP_VALUES.iter().enumerate() {
        let mut expected = stable();
        if version < 2 {
            expected.current_state_timestamp = -1;
        }
        for member in &mut expected.members {
            if version < 3 {
                member.group_instance_id = None;
            }
            if version < 1 {
                member.rebalance_timeout_ms = -1;
            }
        }
        let entry = decode(&bytes(GROUP_KEY), Some(&bytes(value))).unwrap();
        let expected = Entry::Group { group_id: "group-1".into(), value: Some(expected) };
        assert_eq!(entry, Some(expected), "version {version}");
    }
}

#[test]
fn tombstones_are_read() {
    let record = offset_tombstone("g", "t", 1);
    let entry = decode(&record.key, record.value.as_deref()).unwrap();
    assert!(matches!(entry, Some(Entry::Offset { value: None, partition: 1, .. })));
    let record = group_tombstone("g");
    let entry = decode(&record.key, record.value.as_deref()).unwrap();
    assert!(matches!(entry, Some(Entry::Group { value: None, .. })));
}

#[test]
fn foreign_keys_are_passed_over_and_unknown_versions_refused() {
    for kind in [3i16, 8, 100, i16::MAX, -1] {
        let mut key = kind.to_be_bytes().to_vec();
        key.extend_from_slice(b"anything");
        assert_eq!(decode(&key, Some(b"")), Ok(None));
    }
    for key in [OFFSET_KEY, GROUP_KEY] {
        assert_eq!(decode(&bytes(key), Some(b"\0\x05")), Err(Error::UnknownVersion(5)));
        assert_eq!(decode(&bytes(key), Some(b"\xff\xff")), Err(Error::UnknownVersion(-1)));
    }
}

#[test]
fn every_cut_is_an_error() {
    let offsets = OFFSET_VALUES.iter().chain([&OFFSET_VALUE_WITH_ID]).map(|v| (OFFSET_KEY, v));
    for (key, value) in offsets.chain(GROUP_VALUES.iter().map(|value| (GROUP_KEY, value))) {
        let (key, value) = (bytes(key), bytes(value));
        for length in 0..value.len() {
            let entry = decode(&key, Some(&value[..length]));
            assert_eq!(entry, Err(Error::Corrupt), "{length} of {} bytes", value.len());
        }
    }
    for key in [bytes(OFFSET_KEY), bytes(GROUP_KEY)] {
        for length in 0..key.len() {
            assert_eq!(decode(&key[..length], None), Err(Error::Corrupt));
        }
    }
}

#[test]
fn no_single_byte_makes_the_decoder_panic_or_allocate_much() {
    for (key, value) in OFFSET_VALUES
        .iter()
        .map(|value| (OFFSET_KEY, value))
        .chain(GROUP_VALUES.iter().map(|value| (GROUP_KEY, value)))
    {
        let (key, value) = (bytes(key), bytes(value));
        for position in 0..value.len() {
            for byte in [0x00, 0x7f, 0x80, 0xff] {
                let mut damaged = value.to_vec();
                damaged[position] = byte;
                if let Ok(Some(Entry::Group { value: Some(group), .. })) =
                    decode(&key, Some(&damaged))
                {
                    assert!(group.members.len() <= damaged.len() / MEMBER_BYTES_MIN);
                }
            }
        }
    }
}
