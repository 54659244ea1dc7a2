//! FindCoordinator: every version; asking makes the topic of offsets.

use kafka_protocol::ResponseError::*;
use kafka_protocol::messages::FindCoordinatorRequest;
use protocol_tests::broker::Broker;
use protocol_tests::client::text;

use super::group_requests::*;
use super::requests::*;

#[test]
fn trap_10_one_group_before_version_4_and_several_from_there() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    let port = i32::from(broker.address().port());
    for version in 0..=3 {
        let request = FindCoordinatorRequest::default().with_key(text("g"));
        let found = client.call(request, version);
        assert_eq!((found.error_code, found.throttle_time_ms), (0, 0), "v{version}");
        assert_eq!((found.node_id.0, &*found.host, found.port), (1, "127.0.0.1", port));
        assert!(found.coordinators.is_empty());
    }
    for version in 4..=6 {
        let keys = ["a", "b", "a"].map(text).to_vec();
        let request = FindCoordinatorRequest::default().with_coordinator_keys(keys);
        let response = client.call(request, version);
        let found = &response.coordinators;
        let keys: Vec<&str> = found.iter().map(|found| &*found.key).collect();
        assert_eq!(keys, ["a", "b", "a"], "v{version}");
        for found in found {
            assert_eq!((found.error_code, found.node_id.0), (0, 1), "v{version}");
            assert_eq!((&*found.host, found.port), ("127.0.0.1", port));
        }
    }
}

#[test]
fn asking_makes_the_topic_of_offsets() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    assert_ne!(describe_topic(&mut client, "__consumer_offsets").error_code, 0);
    client.call(FindCoordinatorRequest::default().with_key(text("g")), 1);
    let topic = describe_topic(&mut client, "__consumer_offsets");
    assert_eq!((topic.error_code, topic.partitions.len(), topic.is_internal), (0, 3, true));
}

#[test]
fn coordinators_that_are_not_there_are_refused() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    for kind in [1, 2, 7, -1] {
        let request = FindCoordinatorRequest::default().with_key(text("x")).with_key_type(kind);
        let found = client.call(request, 3);
        assert_eq!((found.error_code, found.node_id.0), (InvalidRequest.code(), -1), "{kind}");
        let request = FindCoordinatorRequest::default()
            .with_coordinator_keys(vec![text("x")])
            .with_key_type(kind);
        let found = client.call(request, 6).coordinators.remove(0);
        assert_eq!((found.error_code, found.node_id.0), (InvalidRequest.code(), -1), "{kind}");
        assert_eq!(&*found.key, "x");
    }
}

#[test]
fn before_it_nobody_is_the_coordinator() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    let code = NotCoordinator.code();
    assert_eq!(client.call(join_request("g", NOBODY), 3).error_code, code);
    assert_eq!(client.call(sync_request("g", "m", 1, &[]), 5).error_code, code);
    assert_eq!(heartbeat(&mut client, "g", "m", 1), code);
    assert_eq!(commit(&mut client, 8, commit_request("g", NOBODY, -1, "t", 1)), code);
    assert_eq!(client.call(leave_request("g", &[("m", None)]), 5).error_code, code);
}
