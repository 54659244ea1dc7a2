//! Short forms of the requests that most tests make, in one recent version each. A test that is
//! about a version or a field spells its request out.

use bytes::Bytes;
use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::fetch_response::PartitionData;
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::metadata_response::MetadataResponseTopic;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::produce_response::PartitionProduceResponse;
use kafka_protocol::messages::*;
use protocol_tests::client::{Client, text};
use uuid::Uuid;

/// Plenty of time for requests that take a timeout.
pub const TIMEOUT_MS: i32 = 10_000;

/// A topic's name in the codec crate's form.
pub fn topic_name(name: &str) -> TopicName {
    TopicName(text(name))
}

/// A topic to create, with settings.
pub fn new_topic(name: &str, partitions: i32, configs: &[(&str, &str)]) -> CreatableTopic {
    let configs = configs.iter().map(|(name, value)| {
        CreatableTopicConfig::default().with_name(text(name)).with_value(Some(text(value)))
    });
    CreatableTopic::default()
        .with_name(topic_name(name))
        .with_num_partitions(partitions)
        .with_replication_factor(1)
        .with_configs(configs.collect())
}

/// Creates a topic, which must succeed, and returns its ID.
pub fn create(client: &mut Client, name: &str, partitions: i32, configs: &[(&str, &str)]) -> Uuid {
    let request = CreateTopicsRequest::default()
        .with_topics(vec![new_topic(name, partitions, configs)])
        .with_timeout_ms(TIMEOUT_MS);
    let response = client.call(request, 7);
    let topic = &response.topics[0];
    assert_eq!(topic.error_code, 0, "{name} was not created: {:?}", topic.error_message);
    topic.topic_id
}

/// Deletes a topic, which must succeed.
pub fn delete(client: &mut Client, name: &str) {
    let topic = DeleteTopicState::default().with_name(Some(topic_name(name)));
    let request =
        DeleteTopicsRequest::default().with_topics(vec![topic]).with_timeout_ms(TIMEOUT_MS);
    assert_eq!(client.call(request, 6).responses[0].error_code, 0, "{name} was not deleted");
}

/// A Produce request for one partition.
pub fn produce_request(topic: &str, partition: i32, acks: i16, records: Bytes) -> ProduceRequest {
    let data = PartitionProduceData::default().with_index(partition).with_records(Some(records));
    let topic =
        TopicProduceData::default().with_name(topic_name(topic)).with_partition_data(vec![data]);
    ProduceRequest::default()
        .with_transactional_id(None)
        .with_acks(acks)
        .with_timeout_ms(TIMEOUT_MS)
        .with_topic_data(vec![topic])
}

/// Produces to partition 0 and returns its answer.
pub fn try_produce(client: &mut Client, topic: &str, records: Bytes) -> PartitionProduceResponse {
    let response = client.call(produce_request(topic, 0, -1, records), 12);
    response.responses[0].partition_responses[0].clone()
}

/// Produces to partition 0, which must succeed, and returns the base offset.
pub fn produce(client: &mut Client, topic: &str, records: Bytes) -> i64 {
    let answer = try_produce(client, topic, records);
    assert_eq!(answer.error_code, 0, "not appended: {:?}", answer.error_message);
    answer.base_offset
}

/// A Fetch request for one partition of a topic by name, which does not wait and has no session.
pub fn fetch_request(topic: &str, partition: i32, offset: i64) -> FetchRequest {
    FetchRequest::default()
        .with_max_bytes(1 << 26)
        .with_session_epoch(-1)
        .with_topics(vec![fetch_topic(topic, &[(partition, offset)])])
}

/// Partitions of a topic by name, each with the offset to read from.
pub fn fetch_topic(topic: &str, partitions: &[(i32, i64)]) -> FetchTopic {
    let partitions = partitions.iter().map(|(partition, offset)| fetch_from(*partition, *offset));
    FetchTopic::default().with_topic(topic_name(topic)).with_partitions(partitions.collect())
}

/// A partition with the offset to read from.
pub fn fetch_from(partition: i32, offset: i64) -> FetchPartition {
    FetchPartition::default()
        .with_partition(partition)
        .with_fetch_offset(offset)
        .with_partition_max_bytes(1 << 24)
}

/// Fetches from partition 0 without waiting.
pub fn fetch(client: &mut Client, topic: &str, offset: i64) -> PartitionData {
    let response = client.call(fetch_request(topic, 0, offset), 12);
    assert_eq!(response.error_code, 0);
    response.responses[0].partitions[0].clone()
}

/// The records of partition 0 from an offset on; there must be some.
pub fn fetch_records(client: &mut Client, topic: &str, offset: i64) -> Bytes {
    let answer = fetch(client, topic, offset);
    assert_eq!(answer.error_code, 0);
    answer.records.filter(|records| !records.is_empty()).expect("there are records")
}

/// A ListOffsets request for one partition.
pub fn list_offsets_request(topic: &str, partition: i32, timestamp: i64) -> ListOffsetsRequest {
    let partition = ListOffsetsPartition::default()
        .with_partition_index(partition)
        .with_current_leader_epoch(-1)
        .with_timestamp(timestamp);
    let topic =
        ListOffsetsTopic::default().with_name(topic_name(topic)).with_partitions(vec![partition]);
    ListOffsetsRequest::default().with_replica_id(BrokerId(-1)).with_topics(vec![topic])
}

/// Offset and timestamp that ListOffsets finds in partition 0, without error.
pub fn list_offset(client: &mut Client, topic: &str, timestamp: i64) -> (i64, i64) {
    let response = client.call(list_offsets_request(topic, 0, timestamp), 10);
    let answer = &response.topics[0].partitions[0];
    assert_eq!(answer.error_code, 0);
    (answer.offset, answer.timestamp)
}

/// Asks for one topic by name, without creating it.
pub fn describe_topic(client: &mut Client, name: &str) -> MetadataResponseTopic {
    let topic = MetadataRequestTopic::default().with_name(Some(topic_name(name)));
    let request = MetadataRequest::default()
        .with_topics(Some(vec![topic]))
        .with_allow_auto_topic_creation(false);
    client.call(request, 12).topics[0].clone()
}
