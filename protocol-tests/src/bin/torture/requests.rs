//! The requests that loads are made of, in one version each, and what must be true of an answer.
//! An error code that nobody expects is an `io::Error` with the place it came from.

use std::io;
use std::sync::OnceLock;

use bytes::Bytes;
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::*;
use protocol_tests::batches;
use protocol_tests::client::text;

use crate::wire::{Wire, encode};

/// Version of Produce.
pub const PRODUCE: i16 = 9;
/// Version of Fetch: the newest that names topics.
pub const FETCH: i16 = 12;
/// Plenty for requests that take a timeout.
const TIMEOUT_MS: i32 = 60_000;

/// A topic's name in the codec crate's form.
pub fn topic(name: &str) -> TopicName {
    TopicName(text(name))
}

/// A batch of one record of 100 bytes.
pub fn small_batch() -> Bytes {
    static BATCH: OnceLock<Bytes> = OnceLock::new();
    BATCH.get_or_init(|| batches::one(&[b'x'; 100])).clone()
}

/// A Produce request for some partitions of one topic, as it is sent.
pub fn produce(
    name: &str,
    partitions: impl Iterator<Item = i32>,
    acks: i16,
    batch: &Bytes,
) -> Vec<u8> {
    let data = partitions.map(|index| {
        PartitionProduceData::default().with_index(index).with_records(Some(batch.clone()))
    });
    let data =
        TopicProduceData::default().with_name(topic(name)).with_partition_data(data.collect());
    let request = ProduceRequest::default()
        .with_acks(acks)
        .with_timeout_ms(TIMEOUT_MS)
        .with_topic_data(vec![data]);
    encode(&request, PRODUCE)
}

/// Checks the answer to a Produce request.
pub fn check_produced(mut answer: Bytes) -> io::Result<()> {
    use kafka_protocol::protocol::Decodable;
    let decoded = ResponseHeader::decode(&mut answer, 1)
        .and_then(|_| ProduceResponse::decode(&mut answer, PRODUCE))
        .map_err(|error| io::Error::other(format!("Produce: {error}")))?;
    let mut partitions = decoded.responses.iter().flat_map(|topic| &topic.partition_responses);
    partitions.try_for_each(|partition| expect_none("Produce", partition.error_code))
}

/// A Fetch request for partitions of one topic at offsets, in a session.
pub fn fetch(
    name: &str,
    partitions: impl Iterator<Item = (i32, i64)>,
    session: (i32, i32),
    wait_ms: i32,
    bytes_max: i32,
) -> FetchRequest {
    let partitions: Vec<FetchPartition> = partitions
        .map(|(index, offset)| {
            FetchPartition::default()
                .with_partition(index)
                .with_fetch_offset(offset)
                .with_partition_max_bytes(bytes_max)
        })
        .collect();
    let topics = match partitions.is_empty() {
        true => Vec::new(),
        false => vec![FetchTopic::default().with_topic(topic(name)).with_partitions(partitions)],
    };
    FetchRequest::default()
        .with_replica_id(BrokerId(-1))
        .with_max_wait_ms(wait_ms)
        .with_min_bytes(1)
        .with_max_bytes(bytes_max)
        .with_session_id(session.0)
        .with_session_epoch(session.1)
        .with_topics(topics)
}

/// Creates a topic, unless it is there.
pub async fn create(wire: &mut Wire, name: &str, partitions: i32) -> io::Result<()> {
    const EXISTS: i16 = 36;
    let new = CreatableTopic::default()
        .with_name(topic(name))
        .with_num_partitions(partitions)
        .with_replication_factor(1);
    let request = CreateTopicsRequest::default().with_topics(vec![new]).with_timeout_ms(TIMEOUT_MS);
    let answer = wire.call(&request, 7).await?;
    match answer.topics[0].error_code {
        EXISTS => Ok(()),
        code => expect_none("CreateTopics", code),
    }
}

/// Deletes a topic.
pub async fn delete(wire: &mut Wire, name: &str) -> io::Result<()> {
    let state = DeleteTopicState::default().with_name(Some(topic(name)));
    let request =
        DeleteTopicsRequest::default().with_topics(vec![state]).with_timeout_ms(TIMEOUT_MS);
    expect_none("DeleteTopics", wire.call(&request, 6).await?.responses[0].error_code)
}

/// An error unless the code is none.
pub fn expect_none(api: &str, code: i16) -> io::Result<()> {
    match code {
        0 => Ok(()),
        code => Err(io::Error::other(format!("{api} was answered with error {code}"))),
    }
}
