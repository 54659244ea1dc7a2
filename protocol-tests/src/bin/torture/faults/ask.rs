//! Questions to a broker whose answers are judged: offsets, whole logs, commits, topics. An error
//! code is an `io::Error`, and so is a batch whose CRC does not fit.

use std::io;

use bytes::Bytes;
use felice::kernel::batch::{BatchHeader, batches, check_crc};
use felice::kernel::records::read_records;
use felice::kernel::types::Uuid;
use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::offset_fetch_request::OffsetFetchRequestTopic;
use kafka_protocol::messages::*;
use protocol_tests::client::text;
use protocol_tests::ledger::Served;

use crate::requests::{self, FETCH, expect_none, topic};
use crate::wire::Wire;

/// Asks for the first offset.
pub const EARLIEST: i64 = -2;
/// Asks for the offset behind the last.
pub const LATEST: i64 = -1;
/// A batch that is asked for is damaged.
pub const CORRUPT_MESSAGE: i16 = 2;
/// Bytes of one answer to Fetch.
const BYTES_MAX: i32 = 4 << 20;
const DECOMPRESSED_MAX: usize = 1 << 26;

/// Creates a topic with settings.
pub async fn create(
    wire: &mut Wire,
    name: &str,
    partitions: i32,
    configs: &[(&str, &str)],
) -> io::Result<()> {
    let configs = configs.iter().map(|(name, value)| {
        CreatableTopicConfig::default().with_name(text(name)).with_value(Some(text(value)))
    });
    let new = CreatableTopic::default()
        .with_name(topic(name))
        .with_num_partitions(partitions)
        .with_replication_factor(1)
        .with_configs(configs.collect());
    let request = CreateTopicsRequest::default().with_topics(vec![new]).with_timeout_ms(30_000);
    expect_none("CreateTopics", wire.call(&request, 7).await?.topics[0].error_code)
}

/// A new producer's ID.
pub async fn producer_id(wire: &mut Wire) -> io::Result<i64> {
    let request = InitProducerIdRequest::default()
        .with_transactional_id(None)
        .with_transaction_timeout_ms(60_000)
        .with_producer_id(ProducerId(-1))
        .with_producer_epoch(-1);
    let answer = wire.call(&request, 4).await?;
    expect_none("InitProducerId", answer.error_code)?;
    Ok(answer.producer_id.0)
}

/// The offset of a time, `EARLIEST` or `LATEST`.
pub async fn offset(wire: &mut Wire, name: &str, partition: i32, time: i64) -> io::Result<i64> {
    let asked = ListOffsetsPartition::default()
        .with_partition_index(partition)
        .with_current_leader_epoch(-1)
        .with_timestamp(time);
    let asked = ListOffsetsTopic::default().with_name(topic(name)).with_partitions(vec![asked]);
    let request =
        ListOffsetsRequest::default().with_replica_id(BrokerId(-1)).with_topics(vec![asked]);
    let answer = wire.call(&request, 5).await?;
    expect_none("ListOffsets", answer.topics[0].partitions[0].error_code)?;
    Ok(answer.topics[0].partitions[0].offset)
}

/// The records of fetched bytes from an offset on; what a client would refuse is an error.
pub fn served(records: &Bytes, from: i64) -> io::Result<Vec<Served>> {
    let mut found = Vec::new();
    for batch in batches(records) {
        // The last one may be cut off.
        let Ok((header, bytes)) = batch else { break };
        check_crc(&header, bytes)
            .map_err(|error| io::Error::other(format!("at {}: {error}", header.base_offset)))?;
        open(&header, bytes, from, &mut found)?;
    }
    Ok(found)
}

fn open(header: &BatchHeader, bytes: &[u8], from: i64, found: &mut Vec<Served>) -> io::Result<()> {
    for record in read_records(bytes, DECOMPRESSED_MAX) {
        let record = record
            .map_err(|error| io::Error::other(format!("at {}: {error}", header.base_offset)))?;
        if record.offset >= from {
            let value = record.value.map(Vec::from).unwrap_or_default();
            found.push(Served { offset: record.offset, value });
        }
    }
    Ok(())
}

/// Start, end and all records of a partition that are not damaged.
pub async fn log(
    wire: &mut Wire,
    name: &str,
    partition: i32,
) -> io::Result<(i64, i64, Vec<Served>)> {
    let start = offset(wire, name, partition, EARLIEST).await?;
    let end = offset(wire, name, partition, LATEST).await?;
    let mut log: Vec<Served> = Vec::new();
    let mut next = start;
    while next < end {
        let asked = requests::fetch(name, [(partition, next)].into_iter(), (0, -1), 0, BYTES_MAX);
        let mut answer = wire.call(&asked, FETCH).await?;
        let answer = answer.responses.remove(0).partitions.remove(0);
        if answer.error_code == CORRUPT_MESSAGE {
            next += 1;
            continue;
        }
        expect_none("Fetch", answer.error_code)?;
        let more = served(&answer.records.unwrap_or_default(), next)?;
        let Some(last) = more.last() else {
            return Err(io::Error::other(format!("nothing is served at {next} of {end}")));
        };
        next = last.offset + 1;
        log.extend(more);
    }
    Ok((start, end, log))
}

/// Asks who coordinates a group, which makes the topic that groups live in.
pub async fn coordinator(wire: &mut Wire, group: &str) -> io::Result<()> {
    let request = FindCoordinatorRequest::default().with_key(text(group));
    expect_none("FindCoordinator", wire.call(&request, 3).await?.error_code)
}

/// Commits an offset of a group without members; the error code.
pub async fn commit(
    wire: &mut Wire,
    group: &str,
    name: &str,
    partition: i32,
    offset: i64,
) -> io::Result<i16> {
    let asked = OffsetCommitRequestPartition::default()
        .with_partition_index(partition)
        .with_committed_offset(offset)
        .with_committed_metadata(Some(text("")));
    let request = commits(group, name, vec![asked]);
    Ok(wire.call(&request, 7).await?.topics[0].partitions[0].error_code)
}

/// Commits offset 1 on so many partitions for a group without members, with text beside each.
pub async fn commit_wide(
    wire: &mut Wire,
    group: &str,
    name: &str,
    partitions: i32,
    metadata: &str,
) -> io::Result<()> {
    let asked = (0..partitions).map(|partition| {
        OffsetCommitRequestPartition::default()
            .with_partition_index(partition)
            .with_committed_offset(1)
            .with_committed_metadata(Some(text(metadata)))
    });
    let answer = wire.call(&commits(group, name, asked.collect()), 7).await?;
    let mut partitions = answer.topics.iter().flat_map(|topic| &topic.partitions);
    partitions.try_for_each(|partition| expect_none("OffsetCommit", partition.error_code))
}

fn commits(
    group: &str,
    name: &str,
    partitions: Vec<OffsetCommitRequestPartition>,
) -> OffsetCommitRequest {
    let topic = OffsetCommitRequestTopic::default().with_name(topic(name));
    OffsetCommitRequest::default()
        .with_group_id(GroupId(text(group)))
        .with_generation_id_or_member_epoch(-1)
        .with_topics(vec![topic.with_partitions(partitions)])
}

/// Committed offset of a group, -1 for none.
pub async fn committed(
    wire: &mut Wire,
    group: &str,
    name: &str,
    partition: i32,
) -> io::Result<i64> {
    let asked = OffsetFetchRequestTopic::default()
        .with_name(topic(name))
        .with_partition_indexes(vec![partition]);
    let request = OffsetFetchRequest::default()
        .with_group_id(GroupId(text(group)))
        .with_topics(Some(vec![asked]));
    let answer = wire.call(&request, 5).await?;
    expect_none("OffsetFetch", answer.error_code)?;
    let partition = &answer.topics[0].partitions[0];
    expect_none("OffsetFetch", partition.error_code)?;
    Ok(partition.committed_offset)
}

/// Names of all topics.
pub async fn topics(wire: &mut Wire) -> io::Result<Vec<String>> {
    let request = MetadataRequest::default().with_topics(None);
    let answer = wire.call(&request, 9).await?;
    let names = answer.topics.iter().filter_map(|topic| topic.name.as_ref());
    Ok(names.map(|name| name.0.to_string()).collect())
}

/// The ID of a topic, as its folder is named.
pub async fn topic_id(wire: &mut Wire, name: &str) -> io::Result<String> {
    let asked = MetadataRequestTopic::default().with_name(Some(topic(name)));
    let request = MetadataRequest::default().with_topics(Some(vec![asked]));
    let answer = wire.call(&request, 12).await?;
    expect_none("Metadata", answer.topics[0].error_code)?;
    Ok(Uuid(answer.topics[0].topic_id.into_bytes()).to_string())
}
