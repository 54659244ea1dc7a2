//! ApiVersions: what is told, to whom, and that all of it is true: every version of every API that
//! is named gets an answer.

use bytes::Buf;
use felice::wire::messages;
use kafka_protocol::ResponseError::*;
use kafka_protocol::messages::*;
use kafka_protocol::protocol::{Decodable, Request};
use protocol_tests::broker::Broker;
use protocol_tests::client::{Client, text};

use super::requests::*;

/// Key, lowest and highest version of everything that is served.
const SERVED: &[(i16, i16, i16)] = &[
    (0, 0, 13),
    (1, 4, 18),
    (2, 1, 11),
    (3, 0, 13),
    (8, 2, 10),
    (9, 1, 10),
    (10, 0, 6),
    (11, 0, 9),
    (12, 0, 4),
    (13, 0, 5),
    (14, 0, 5),
    (15, 0, 6),
    (16, 0, 5),
    (18, 0, 5),
    (19, 2, 7),
    (20, 1, 6),
    (21, 0, 2),
    (22, 0, 5),
    (23, 2, 4),
    (32, 1, 4),
    (33, 0, 2),
    (34, 1, 2),
    (35, 1, 5),
    (37, 0, 3),
    (42, 0, 3),
    (43, 0, 2),
    (44, 0, 1),
    (45, 0, 1),
    (46, 0, 0),
    (47, 0, 0),
    (48, 0, 1),
    (49, 0, 1),
    (55, 0, 2),
    (57, 0, 2),
    (60, 0, 2),
    (61, 0, 0),
    (71, 0, 0),
    (72, 0, 0),
    (74, 0, 1),
    (64, 0, 0),
    (75, 0, 0),
];

fn request() -> ApiVersionsRequest {
    ApiVersionsRequest::default()
        .with_client_software_name(text("protocol-tests"))
        .with_client_software_version(text("1.0"))
}

fn rows(response: &ApiVersionsResponse) -> Vec<(i16, i16, i16)> {
    let rows = response.api_keys.iter();
    rows.map(|row| (row.api_key, row.min_version, row.max_version)).collect()
}

#[test]
fn every_version_tells_what_is_served() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    for version in 0..=5 {
        let response = ask(&mut client, request(), version);
        assert_eq!((response.error_code, response.throttle_time_ms), (0, 0), "v{version}");
        assert_eq!(rows(&response), SERVED, "v{version}");
        assert!(!response.zk_migration_ready);
    }
}

/// Asks in any version; the codec crate ends at 4, and 5 adds only what may be left out.
fn ask(client: &mut Client, request: ApiVersionsRequest, version: i16) -> ApiVersionsResponse {
    match version {
        5 => client.call_newer::<messages::ApiVersionsRequest, _>(request, 4, version),
        _ => client.call(request, version),
    }
}

/// The answer to an unknown version: correlation ID, error and rows of a version 0 body.
fn unknown_version(client: &mut Client, version: i16, header_version: i16, body: &[u8]) {
    let frame = client.frame_of(18, version, header_version, body);
    client.send_bytes(&frame);
    let mut frame = client.receive_frame();
    let correlation_id = frame.get_i32();
    let response = ApiVersionsResponse::decode(&mut frame, 0).expect("a version 0 body");
    assert!(frame.is_empty());
    assert!(correlation_id > 0);
    assert_eq!(response.error_code, UnsupportedVersion.code(), "v{version}");
    assert_eq!(rows(&response), [(18, 0, 5)], "v{version}");
}

#[test]
fn trap_01_an_unknown_version_is_answered_in_version_0() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    let body = b"\x02a\x021\x00";
    for version in [6, 7, 99, i16::MAX] {
        unknown_version(&mut client, version, 2, body);
        // What the body of an unknown version holds is not looked at.
        unknown_version(&mut client, version, 2, b"");
        unknown_version(&mut client, version, 2, &[0xff; 40]);
    }
    for version in [-1, i16::MIN] {
        unknown_version(&mut client, version, 1, b"");
    }
    // The connection lives on.
    assert_eq!(client.call(request(), 4).error_code, 0);
}

#[test]
fn the_clients_software_must_have_a_name() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    for version in [3, 4, 5] {
        for (name, number) in [("", "1"), ("a", ""), ("-a", "1"), ("a b", "1"), ("a", "1-")] {
            let bad = ApiVersionsRequest::default()
                .with_client_software_name(text(name))
                .with_client_software_version(text(number));
            let response = ask(&mut client, bad, version);
            assert_eq!(response.error_code, InvalidRequest.code(), "{name:?} {number:?}");
            assert!(response.api_keys.is_empty());
        }
    }
    for version in 0..3 {
        assert_eq!(client.call(ApiVersionsRequest::default(), version).error_code, 0);
    }
}

#[test]
fn a_client_that_looks_for_another_broker_is_sent_back() {
    let broker = Broker::start(&["node.id=7"]);
    let mut client = broker.connect();
    let cluster = client.call(DescribeClusterRequest::default(), 0).cluster_id.to_string();
    let mut ask = |cluster_id: Option<&str>, node_id| {
        let request = messages::ApiVersionsRequest {
            client_software_name: text("protocol-tests"),
            client_software_version: text("1.0"),
            cluster_id: cluster_id.map(text),
            node_id,
        };
        let response = client.call(request, 5);
        assert_eq!(response.api_keys.is_empty(), response.error_code != 0);
        response.error_code
    };
    assert_eq!(ask(None, -1), 0);
    assert_eq!(ask(Some(&cluster), 7), 0);
    for (cluster_id, node_id) in [(None, 7), (Some(cluster.as_str()), -1), (Some("other"), -1)] {
        let found = ask(cluster_id, node_id);
        assert_eq!(found, InvalidRequest.code(), "{cluster_id:?} {node_id}");
    }
    for (cluster_id, node_id) in [("other", 7), (&cluster, 8), ("", 7), (&cluster, -2)] {
        let found = ask(Some(cluster_id), node_id);
        assert_eq!(found, RebootstrapRequired.code(), "{cluster_id:?} {node_id}");
    }
    // The connection lives on.
    assert_eq!(ask(Some(&cluster), 7), 0);
}

#[test]
fn trap_02_old_versions_stay_named_so_that_old_librdkafka_compresses() {
    let broker = Broker::start(&[]);
    let response = broker.connect().call(request(), 3);
    let named = |key: i16| {
        let row = response.api_keys.iter().find(|row| row.api_key == key);
        row.map(|row| (row.min_version, row.max_version)).expect("it is named")
    };
    // Produce 0 for gzip and snappy, exactly Produce 7 and Fetch 10 for zstd.
    assert_eq!(named(0).0, 0);
    assert!(named(0).1 >= 7 && named(1).0 <= 10 && named(1).1 >= 10);
    // JoinGroup, Heartbeat, LeaveGroup, SyncGroup, FindCoordinator, InitProducerId.
    for key in [11, 12, 13, 14, 10, 22] {
        assert_eq!(named(key).0, 0, "key {key}");
    }
    // ListOffsets, OffsetFetch, OffsetCommit.
    assert!(named(2).0 <= 1 && named(9).0 <= 1 && named(8).0 <= 2);
}

#[test]
fn trap_03_topic_ids_are_real_where_versions_depend_on_them() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    let response = client.call(request(), 3);
    let max = |key: i16| {
        let row = response.api_keys.iter().find(|row| row.api_key == key);
        row.map_or(-1, |row| row.max_version)
    };
    assert!(max(0) >= 13 && max(1) >= 13 && max(3) >= 10, "IDs are used and told");
    let id = create(&mut client, "t", 1, &[]);
    assert!(!id.is_nil());
    assert_eq!(describe_topic(&mut client, "t").topic_id, id);
    // Switches of clients that stand for what is not there: the newer groups.
    for key in [68, 76, 88] {
        assert_eq!(max(key), -1, "key {key}");
    }
}

#[test]
fn trap_16_no_tag_is_sent_that_holds_its_default() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    let frame = client.frame(&request(), 3);
    client.send_bytes(&frame);
    let frame = client.receive_frame();
    // Correlation ID, error, number of rows; each row ends with its empty tags.
    assert_eq!(frame[6] as usize, SERVED.len() + 1);
    let (rows, rest) = frame[7..].split_at(SERVED.len() * 7);
    assert!(rows.chunks(7).all(|row| row[6] == 0));
    // Throttle time, and three tags: features supported, their epoch, features in force.
    assert_eq!((&rest[..5], rest[5]), ([0, 0, 0, 0, 3].as_slice(), 0));
}

/// Sends a request as it is by default in all served versions; each must be answered.
fn sweep<R: Request + Default>(client: &mut Client, min: i16, max: i16) -> i16 {
    sweep_with(client, R::default(), min, max)
}

fn sweep_with<R: Request>(client: &mut Client, request: R, min: i16, max: i16) -> i16 {
    for version in min..=max {
        let sent = client.send(&request, version);
        assert_eq!(client.receive::<R>(version).0, sent);
    }
    R::KEY
}

#[test]
fn everything_that_is_named_is_answered() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    let client = &mut client;
    let swept = [
        sweep_with(client, ProduceRequest::default().with_acks(1), 3, 13),
        sweep::<FetchRequest>(client, 4, 18),
        sweep::<messages::ListOffsetsRequest>(client, 1, 11),
        sweep::<MetadataRequest>(client, 0, 13),
        sweep::<messages::OffsetCommitRequest>(client, 2, 10),
        sweep::<messages::OffsetFetchRequest>(client, 1, 10),
        sweep::<FindCoordinatorRequest>(client, 0, 6),
        sweep::<JoinGroupRequest>(client, 0, 9),
        sweep::<HeartbeatRequest>(client, 0, 4),
        sweep::<LeaveGroupRequest>(client, 0, 5),
        sweep::<SyncGroupRequest>(client, 0, 5),
        sweep::<DescribeGroupsRequest>(client, 0, 6),
        sweep::<ListGroupsRequest>(client, 0, 5),
        sweep::<messages::ApiVersionsRequest>(client, 0, 5),
        sweep::<CreateTopicsRequest>(client, 2, 7),
        sweep::<DeleteTopicsRequest>(client, 1, 6),
        sweep::<DeleteRecordsRequest>(client, 0, 2),
        sweep::<InitProducerIdRequest>(client, 0, 5),
        sweep::<OffsetForLeaderEpochRequest>(client, 2, 4),
        sweep::<DescribeConfigsRequest>(client, 1, 4),
        sweep::<AlterConfigsRequest>(client, 0, 2),
        sweep::<AlterReplicaLogDirsRequest>(client, 1, 2),
        sweep::<messages::DescribeLogDirsRequest>(client, 1, 5),
        sweep::<CreatePartitionsRequest>(client, 0, 3),
        sweep::<messages::DeleteGroupsRequest>(client, 0, 3),
        sweep::<ElectLeadersRequest>(client, 0, 2),
        sweep::<IncrementalAlterConfigsRequest>(client, 0, 1),
        sweep::<AlterPartitionReassignmentsRequest>(client, 0, 1),
        sweep::<ListPartitionReassignmentsRequest>(client, 0, 0),
        sweep::<OffsetDeleteRequest>(client, 0, 0),
        sweep::<DescribeClientQuotasRequest>(client, 0, 1),
        sweep::<AlterClientQuotasRequest>(client, 0, 1),
        sweep::<DescribeQuorumRequest>(client, 0, 2),
        sweep::<UpdateFeaturesRequest>(client, 0, 2),
        sweep::<DescribeClusterRequest>(client, 0, 2),
        sweep::<DescribeProducersRequest>(client, 0, 0),
        sweep::<GetTelemetrySubscriptionsRequest>(client, 0, 0),
        sweep::<PushTelemetryRequest>(client, 0, 0),
        sweep::<ListConfigResourcesRequest>(client, 0, 1),
        sweep::<UnregisterBrokerRequest>(client, 0, 0),
        sweep::<DescribeTopicPartitionsRequest>(client, 0, 0),
    ];
    let served: Vec<i16> = SERVED.iter().map(|(key, _, _)| *key).collect();
    assert_eq!(swept.as_slice(), served);
}

#[test]
fn what_is_not_named_closes_the_connection() {
    let broker = Broker::start(&[]);
    for &(key, min, max) in SERVED {
        if key == 18 {
            continue;
        }
        for version in [min - 1, max + 1, i16::MAX, i16::MIN] {
            let mut client = broker.connect();
            let frame = client.frame_of(key, version, 1, &[0; 64]);
            client.send_bytes(&frame);
            client.expect_closed();
        }
    }
    for key in [-1, 4, 5, 6, 7, 68, 76, 95, 1000] {
        let mut client = broker.connect();
        let frame = client.frame_of(key, 0, 1, &[0; 64]);
        client.send_bytes(&frame);
        client.expect_closed();
    }
}

#[test]
fn odd_but_valid_frames_are_served() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    // Trailing bytes behind a body, as Kafka takes them.
    let mut frame = client.frame(&request(), 3);
    frame.extend_from_slice(b"trailing");
    let length = i32::try_from(frame.len() - 4).expect("it is small");
    frame[..4].copy_from_slice(&length.to_be_bytes());
    client.send_bytes(&frame);
    assert_eq!(client.receive::<ApiVersionsRequest>(3).1.error_code, 0);
    // A null client ID and one of length -2, unknown tags in the header and in the body.
    for header in [
        b"\x00\x12\x00\x03\x00\x00\x00\x07\xff\xff\x00".as_slice(),
        b"\x00\x12\x00\x03\x00\x00\x00\x07\xff\xfe\x00".as_slice(),
        b"\x00\x12\x00\x03\x00\x00\x00\x07\x00\x01x\x01\x63\x02ab".as_slice(),
    ] {
        for body in [b"\x02a\x021\x00".as_slice(), b"\x02a\x021\x01\x63\x02ab".as_slice()] {
            let content = [header, body].concat();
            let length = i32::try_from(content.len()).expect("it is small");
            client.send_bytes(&[&length.to_be_bytes(), &content[..]].concat());
            let (correlation_id, response) = client.receive::<ApiVersionsRequest>(3);
            assert_eq!((correlation_id, response.error_code), (7, 0), "{header:x?}");
        }
    }
}
