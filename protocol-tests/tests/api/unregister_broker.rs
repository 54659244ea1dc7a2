//! UnregisterBroker: brokers that nobody knows, and the one that answers.

use kafka_protocol::ResponseError::*;
use kafka_protocol::messages::{BrokerId, UnregisterBrokerRequest};
use protocol_tests::broker::Broker;

use super::requests::*;

#[test]
fn every_version_tells_what_is_not_registered() {
    let broker = Broker::start(&[]);
    let mut client = broker.connect();
    for id in [7, 0, -1, i32::MAX] {
        let request = UnregisterBrokerRequest::default().with_broker_id(BrokerId(id));
        let response = client.call(request, 0);
        let code = (response.throttle_time_ms, response.error_code);
        assert_eq!(code, (0, BrokerIdNotRegistered.code()), "{id}");
        assert!(response.error_message.is_some_and(|text| text.contains(&id.to_string())));
    }
}

/// Kafka lets it happen.
#[test]
fn the_broker_that_answers_stays() {
    let mut broker = Broker::start(&[]);
    let mut client = broker.connect();
    create(&mut client, "t", 1, &[]);
    let request = UnregisterBrokerRequest::default().with_broker_id(BrokerId(1));
    let response = client.call(request, 0);
    assert_eq!(response.error_code, InvalidRequest.code());
    assert!(response.error_message.is_some());
    broker.stop();
    broker.restart();
    let partition = describe_topic(&mut broker.connect(), "t").partitions.remove(0);
    assert_eq!((partition.leader_id, partition.error_code), (BrokerId(1), 0));
}
