//! What several handlers ask of a topic: finding a partition by name or by ID, and the codec
//! crate's view of its configuration.

use std::sync::Arc;

use kafka_protocol::ResponseError as Code;

use super::Cx;
use crate::config::dynamic::{CompressionType, TimestampType as ConfiguredType, TopicConfig};
use crate::kernel::batch::{Codec, TimestampType};
pub use crate::kernel::meta::topics::is_internal;
use crate::kernel::types::{PartitionIndex, TopicIdPartition, Uuid};
use crate::storage::partition::Partition;

/// The kernel's form of an ID of the codec crate.
pub fn id_from_wire(id: uuid::Uuid) -> Uuid {
    Uuid(*id.as_bytes())
}

/// The codec crate's form of an ID.
pub fn id_to_wire(id: Uuid) -> uuid::Uuid {
    uuid::Uuid::from_bytes(id.0)
}

/// Finds a partition by the topic's ID, if that is not zero, or else by its name. The error is
/// Kafka's code: 100 for an unknown ID, 3 for an unknown name or partition.
pub fn resolve(
    cx: &Cx,
    id: uuid::Uuid,
    name: &str,
    partition: PartitionIndex,
) -> Result<Arc<Partition>, i16> {
    let topic_id = resolve_topic(cx, id, name)?;
    cx.broker
        .partitions
        .get(&TopicIdPartition { topic_id, partition })
        .ok_or(Code::UnknownTopicOrPartition.code())
}

/// Finds a topic in the same way.
pub fn resolve_topic(cx: &Cx, id: uuid::Uuid, name: &str) -> Result<Uuid, i16> {
    let image = cx.broker.control.image();
    if id.is_nil() && (cx.version < 13 || !name.is_empty()) {
        return image.topic(name).map(|topic| topic.id).ok_or(Code::UnknownTopicOrPartition.code());
    }
    let topic_id = id_from_wire(id);
    image.topic_by_id(&topic_id).map(|_| topic_id).ok_or(Code::UnknownTopicId.code())
}

/// Who sets the timestamps of a topic's records.
pub fn timestamp_type(config: &TopicConfig) -> TimestampType {
    match config.message_timestamp_type {
        ConfiguredType::CreateTime => TimestampType::CreateTime,
        ConfiguredType::LogAppendTime => TimestampType::LogAppendTime,
    }
}

/// The codec that a topic's batches are stored with; `None` keeps the producer's.
pub fn codec(config: &TopicConfig) -> Option<Codec> {
    match config.compression_type {
        CompressionType::Producer => None,
        CompressionType::Uncompressed => Some(Codec::None),
        CompressionType::Gzip => Some(Codec::Gzip),
        CompressionType::Snappy => Some(Codec::Snappy),
        CompressionType::Lz4 => Some(Codec::Lz4),
        CompressionType::Zstd => Some(Codec::Zstd),
    }
}

/// The configured level of a codec that has levels.
pub fn compression_level(config: &TopicConfig, codec: Codec) -> Option<i32> {
    match codec {
        Codec::Gzip => Some(config.compression_gzip_level),
        Codec::Lz4 => Some(config.compression_lz4_level),
        Codec::Zstd => Some(config.compression_zstd_level),
        Codec::None | Codec::Snappy => None,
    }
}
