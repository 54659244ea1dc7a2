//! Records of `__consumer_offsets` in Kafka's own formats: committed offsets and classic groups.
//!
//! A key begins with a 16-bit type: 0 and 1 are an offset, 2 is a classic group; a value begins
//! with a 16-bit version. As Kafka 4.3 does, offsets are written in version 4, or in version 1 if
//! the client asked for a retention of its own, and groups in version 3; every version is read.
//! Keys of other types (KIP-848, share and streams groups) are left to whoever knows them.

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};

use super::wire::Reader;
use crate::kernel::types::{LeaderEpoch, Offset, PartitionIndex, TimestampMs, Uuid};

const KEY_OFFSET_LEGACY: i16 = 0;
const KEY_OFFSET: i16 = 1;
const KEY_GROUP: i16 = 2;

const OFFSET_VERSION_WITH_EXPIRY: i16 = 1;
const OFFSET_VERSION: i16 = 4;
const OFFSET_VERSION_MAX: i16 = 4;
const OFFSET_TAG_TOPIC_ID: u32 = 0;

const GROUP_VERSION: i16 = 3;
const GROUP_VERSION_MAX: i16 = 4;

/// Longest text a record can hold, in bytes.
pub const STRING_BYTES_MAX: usize = i16::MAX as usize;

/// Why a record could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It ends too early, or a length in it cannot be right.
    #[error("the record is corrupt")]
    Corrupt,
    /// The value has a version that does not exist.
    #[error("unknown version {0} of a value")]
    UnknownVersion(i16),
}

/// A record to append: the key and the value, or a tombstone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Key bytes.
    pub key: Bytes,
    /// Value bytes, none for a tombstone.
    pub value: Option<Bytes>,
}

/// A record's meaning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// An offset was committed, or forgotten.
    Offset {
        /// Group.
        group_id: Arc<str>,
        /// Topic name.
        topic: Arc<str>,
        /// Partition.
        partition: PartitionIndex,
        /// The offset, none for a tombstone.
        value: Option<OffsetValue>,
    },
    /// A group reached a generation, or is gone.
    Group {
        /// Group.
        group_id: Arc<str>,
        /// The group, none for a tombstone.
        value: Option<GroupValue>,
    },
}

/// A committed offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetValue {
    /// Offset of the next record to read.
    pub offset: Offset,
    /// Leader epoch of the last record read, -1 if unknown.
    pub leader_epoch: LeaderEpoch,
    /// Text of the client's own.
    pub metadata: Arc<str>,
    /// When it was committed.
    pub commit_timestamp: TimestampMs,
    /// When it expires, if the client asked for a retention of its own.
    pub expire_timestamp: Option<TimestampMs>,
    /// Topic ID, zero if it is not known.
    pub topic_id: Uuid,
}

/// A classic group at a generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupValue {
    /// Protocol type, empty for none.
    pub protocol_type: Arc<str>,
    /// Generation.
    pub generation: i32,
    /// Chosen protocol.
    pub protocol: Option<Arc<str>>,
    /// Member ID of the leader.
    pub leader: Option<Arc<str>>,
    /// Since when the group is in its state, -1 if unknown.
    pub current_state_timestamp: TimestampMs,
    /// Members.
    pub members: Vec<MemberValue>,
}

/// A member of a classic group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberValue {
    /// Member ID.
    pub member_id: Arc<str>,
    /// Instance ID of a static member.
    pub group_instance_id: Option<Arc<str>>,
    /// Client ID.
    pub client_id: Arc<str>,
    /// Client address.
    pub client_host: Arc<str>,
    /// Rebalance timeout in milliseconds, -1 if the record has none.
    pub rebalance_timeout_ms: i32,
    /// Session timeout in milliseconds.
    pub session_timeout_ms: i32,
    /// Metadata for the chosen protocol.
    pub subscription: Bytes,
    /// Assignment.
    pub assignment: Bytes,
}

/// Reads a record. `Ok(None)` is a key of a type this module does not know.
pub fn decode(key: &[u8], value: Option<&[u8]>) -> Result<Option<Entry>, Error> {
    let mut reader = Reader::new(key);
    match reader.i16()? {
        KEY_OFFSET_LEGACY | KEY_OFFSET => {
            let (group_id, topic) = (reader.string()?, reader.string()?);
            let partition = reader.i32()?;
            let value = value.map(decode_offset).transpose()?;
            Ok(Some(Entry::Offset { group_id, topic, partition, value }))
        }
        KEY_GROUP => {
            let group_id = reader.string()?;
            let value = value.map(decode_group).transpose()?;
            Ok(Some(Entry::Group { group_id, value }))
        }
        _ => Ok(None),
    }
}

/// Whether every text of a record fits its 16-bit length.
pub(super) fn fits(text: &str) -> bool {
    text.len() <= STRING_BYTES_MAX
}

/// A committed offset. Texts must be at most `STRING_BYTES_MAX` long.
pub fn offset(
    group_id: &str,
    topic: &str,
    partition: PartitionIndex,
    value: &OffsetValue,
) -> Record {
    let mut out = BytesMut::with_capacity(64 + value.metadata.len());
    match value.expire_timestamp {
        Some(expire_timestamp) => {
            out.put_i16(OFFSET_VERSION_WITH_EXPIRY);
            out.put_i64(value.offset);
            put_string(&mut out, &value.metadata);
            out.put_i64(value.commit_timestamp);
            out.put_i64(expire_timestamp);
        }
        None => {
            out.put_i16(OFFSET_VERSION);
            out.put_i64(value.offset);
            out.put_i32(value.leader_epoch);
            put_compact_string(&mut out, &value.metadata);
            out.put_i64(value.commit_timestamp);
            put_topic_id_tag(&mut out, value.topic_id);
        }
    }
    Record { key: offset_key(group_id, topic, partition), value: Some(out.freeze()) }
}

/// Forgets a committed offset.
pub fn offset_tombstone(group_id: &str, topic: &str, partition: PartitionIndex) -> Record {
    Record { key: offset_key(group_id, topic, partition), value: None }
}

/// A group at a generation. Texts must be at most `STRING_BYTES_MAX` long.
pub fn group(group_id: &str, value: &GroupValue) -> Record {
    let mut out = BytesMut::with_capacity(128 + 256 * value.members.len());
    out.put_i16(GROUP_VERSION);
    put_string(&mut out, &value.protocol_type);
    out.put_i32(value.generation);
    put_nullable_string(&mut out, value.protocol.as_deref());
    put_nullable_string(&mut out, value.leader.as_deref());
    out.put_i64(value.current_state_timestamp);
    put_length(&mut out, value.members.len());
    for member in &value.members {
        put_string(&mut out, &member.member_id);
        put_nullable_string(&mut out, member.group_instance_id.as_deref());
        put_string(&mut out, &member.client_id);
        put_string(&mut out, &member.client_host);
        out.put_i32(member.rebalance_timeout_ms);
        out.put_i32(member.session_timeout_ms);
        put_bytes(&mut out, &member.subscription);
        put_bytes(&mut out, &member.assignment);
    }
    Record { key: group_key(group_id), value: Some(out.freeze()) }
}

/// Forgets a group.
pub fn group_tombstone(group_id: &str) -> Record {
    Record { key: group_key(group_id), value: None }
}

fn offset_key(group_id: &str, topic: &str, partition: PartitionIndex) -> Bytes {
    let mut out = BytesMut::with_capacity(10 + group_id.len() + topic.len());
    out.put_i16(KEY_OFFSET);
    put_string(&mut out, group_id);
    put_string(&mut out, topic);
    out.put_i32(partition);
    out.freeze()
}

fn group_key(group_id: &str) -> Bytes {
    let mut out = BytesMut::with_capacity(4 + group_id.len());
    out.put_i16(KEY_GROUP);
    put_string(&mut out, group_id);
    out.freeze()
}

fn decode_offset(value: &[u8]) -> Result<OffsetValue, Error> {
    let mut reader = Reader::new(value);
    let version = reader.i16()?;
    if !(0..=OFFSET_VERSION_MAX).contains(&version) {
        return Err(Error::UnknownVersion(version));
    }
    let flexible = version >= 4;
    let offset = reader.i64()?;
    let leader_epoch = if version >= 3 { reader.i32()? } else { -1 };
    let metadata = if flexible { reader.compact_string()? } else { reader.string()? };
    let commit_timestamp = reader.i64()?;
    let expire_timestamp = if version == 1 { Some(reader.i64()?) } else { None };
    let mut topic_id = Uuid::ZERO;
    if flexible {
        reader.tags(|tag, mut field| {
            if tag == OFFSET_TAG_TOPIC_ID {
                topic_id = Uuid(field.array()?);
            }
            Ok(())
        })?;
    }
    Ok(OffsetValue {
        offset,
        leader_epoch,
        metadata,
        commit_timestamp,
        expire_timestamp: expire_timestamp.filter(|timestamp| *timestamp >= 0),
        topic_id,
    })
}

fn decode_group(value: &[u8]) -> Result<GroupValue, Error> {
    let mut reader = Reader::new(value);
    let version = reader.i16()?;
    if !(0..=GROUP_VERSION_MAX).contains(&version) {
        return Err(Error::UnknownVersion(version));
    }
    let flexible = version >= 4;
    let protocol_type = if flexible { reader.compact_string()? } else { reader.string()? };
    let generation = reader.i32()?;
    let protocol = reader.nullable_string(flexible)?;
    let leader = reader.nullable_string(flexible)?;
    let current_state_timestamp = if version >= 2 { reader.i64()? } else { -1 };
    let count = if flexible { reader.compact_length()? } else { reader.length()? };
    reader.check_count(count, MEMBER_BYTES_MIN)?;
    let mut members = Vec::new();
    for _ in 0..count {
        members.push(decode_member(&mut reader, version)?);
    }
    if flexible {
        reader.tags(|_, _| Ok(()))?;
    }
    Ok(GroupValue { protocol_type, generation, protocol, leader, current_state_timestamp, members })
}

/// Fewest bytes of a member in any version: seven lengths or numbers of at least a byte.
const MEMBER_BYTES_MIN: usize = 7;

fn decode_member(reader: &mut Reader<'_>, version: i16) -> Result<MemberValue, Error> {
    let flexible = version >= 4;
    let text = |reader: &mut Reader<'_>| {
        if flexible { reader.compact_string() } else { reader.string() }
    };
    let member_id = text(reader)?;
    let group_instance_id = if version >= 3 { reader.nullable_string(flexible)? } else { None };
    let client_id = text(reader)?;
    let client_host = text(reader)?;
    let rebalance_timeout_ms = if version >= 1 { reader.i32()? } else { -1 };
    let session_timeout_ms = reader.i32()?;
    let bytes = |reader: &mut Reader<'_>| {
        let length = if flexible { reader.compact_length()? } else { reader.length()? };
        reader.bytes(length)
    };
    let subscription = bytes(reader)?;
    let assignment = bytes(reader)?;
    if flexible {
        reader.tags(|_, _| Ok(()))?;
    }
    Ok(MemberValue {
        member_id,
        group_instance_id,
        client_id,
        client_host,
        rebalance_timeout_ms,
        session_timeout_ms,
        subscription,
        assignment,
    })
}

fn put_string(out: &mut BytesMut, text: &str) {
    let length = i16::try_from(text.len()).expect("texts are checked before they are stored");
    out.put_i16(length);
    out.put_slice(text.as_bytes());
}

fn put_nullable_string(out: &mut BytesMut, text: Option<&str>) {
    match text {
        Some(text) => put_string(out, text),
        None => out.put_i16(-1),
    }
}

fn put_length(out: &mut BytesMut, length: usize) {
    out.put_i32(i32::try_from(length).expect("a frame holds less than 2 GiB"));
}

fn put_bytes(out: &mut BytesMut, bytes: &[u8]) {
    put_length(out, bytes.len());
    out.put_slice(bytes);
}

fn put_compact_string(out: &mut BytesMut, text: &str) {
    put_varint(out, text.len() + 1);
    out.put_slice(text.as_bytes());
}

fn put_topic_id_tag(out: &mut BytesMut, topic_id: Uuid) {
    if topic_id.is_zero() {
        put_varint(out, 0);
    } else {
        put_varint(out, 1);
        put_varint(out, OFFSET_TAG_TOPIC_ID as usize);
        put_varint(out, topic_id.0.len());
        out.put_slice(&topic_id.0);
    }
}

fn put_varint(out: &mut BytesMut, mut value: usize) {
    while value >= 0x80 {
        out.put_u8((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.put_u8(value as u8);
}

#[cfg(test)]
#[path = "records_tests.rs"]
mod tests;
