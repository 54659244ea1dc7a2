//! The bodies of the metadata records, field by field. Framing and version checks are in
//! [`super::record`], which is also where the fields are explained.

use std::sync::Arc;

use super::Partition;
use super::codec::{Reader, TaggedFields, Writer};
use super::record::{
    BrokerRegistrationChangeRecord, ClientQuotaRecord, ConfigRecord, Endpoint, Error, FeatureRange,
    PartitionChangeRecord, PartitionRecord, ProducerIdsRecord, Record, RegisterBrokerRecord,
    TopicRecord,
};
use crate::kernel::types::NodeId;

/// Kafka's mark for "the leader did not change" in a partition change.
const LEADER_UNCHANGED: NodeId = -2;

/// Fewest bytes of an endpoint: two empty strings, two 16-bit integers, no tagged fields.
const ENDPOINT_SIZE_MIN: usize = 7;

/// Fewest bytes of a quota's entity: an empty string, a null one, no tagged fields.
const ENTITY_SIZE_MIN: usize = 3;

/// Fewest bytes of a feature: an empty string, two 16-bit integers, no tagged fields.
const FEATURE_SIZE_MIN: usize = 6;

/// Writes the body of a record this broker knows.
pub(super) fn write(record: &Record, writer: &mut Writer) {
    let mut tags = TaggedFields::default();
    match record {
        Record::RegisterBroker(record) => write_register_broker(record, writer, &mut tags),
        Record::UnregisterBroker { broker_id, broker_epoch } => {
            writer.i32(*broker_id);
            writer.i64(*broker_epoch);
        }
        Record::Topic(record) => {
            writer.string(&record.name);
            writer.uuid(&record.topic_id);
        }
        Record::Partition(record) => write_partition(record, writer, &mut tags),
        Record::Config(record) => {
            writer.i8(record.resource_type);
            writer.string(&record.resource_name);
            writer.string(&record.name);
            writer.nullable_string(record.value.as_deref());
        }
        Record::PartitionChange(record) => write_partition_change(record, writer, &mut tags),
        Record::RemoveTopic { topic_id } => writer.uuid(topic_id),
        Record::FeatureLevel { name, level } => {
            writer.string(name);
            writer.i16(*level);
        }
        Record::ClientQuota(record) => {
            writer.array(&record.entity, |writer, (kind, name)| {
                writer.string(kind);
                writer.nullable_string(name.as_deref());
                writer.tagged_fields(TaggedFields::default());
            });
            writer.string(&record.key);
            writer.u64(record.value_bits.unwrap_or(0));
            writer.boolean(record.value_bits.is_none());
        }
        Record::ProducerIds(record) => {
            writer.i32(record.broker_id);
            writer.i64(record.broker_epoch);
            writer.i64(record.next_producer_id);
        }
        Record::BrokerRegistrationChange(record) => {
            write_broker_registration_change(record, writer, &mut tags);
        }
        Record::NoOp | Record::EndTransaction => {}
        Record::BeginTransaction { name: text } | Record::AbortTransaction { reason: text } => {
            tags.add_some(0, text.as_deref(), Writer::string);
        }
        // An unknown record's body holds its tagged fields already.
        Record::Unknown { body, .. } => return writer.raw(body),
    }
    writer.tagged_fields(tags);
}

fn write_register_broker(
    record: &RegisterBrokerRecord,
    writer: &mut Writer,
    tags: &mut TaggedFields,
) {
    writer.i32(record.broker_id);
    // Whether the broker is migrating from ZooKeeper, which none does.
    writer.boolean(false);
    writer.uuid(&record.incarnation_id);
    writer.i64(record.broker_epoch);
    writer.array(&record.end_points, |writer, endpoint| {
        writer.string(&endpoint.name);
        writer.string(&endpoint.host);
        writer.u16(endpoint.port);
        writer.i16(endpoint.security_protocol);
        writer.tagged_fields(TaggedFields::default());
    });
    writer.array(&record.features, |writer, feature| {
        writer.string(&feature.name);
        writer.i16(feature.min);
        writer.i16(feature.max);
        writer.tagged_fields(TaggedFields::default());
    });
    writer.nullable_string(record.rack.as_deref());
    writer.boolean(record.fenced);
    writer.boolean(record.in_controlled_shutdown);
    if !record.log_dirs.is_empty() {
        tags.add(0, |writer| writer.uuid_array(&record.log_dirs));
    }
    tags.add_some(1, record.cordoned_log_dirs.as_deref(), Writer::uuid_array);
}

pub(super) fn register_broker(version: u32, reader: &mut Reader<'_>) -> Result<Record, Error> {
    let broker_id = reader.i32()?;
    if version >= 2 {
        reader.boolean()?;
    }
    let mut record = RegisterBrokerRecord {
        broker_id,
        incarnation_id: reader.uuid()?,
        broker_epoch: reader.i64()?,
        end_points: reader.array(ENDPOINT_SIZE_MIN, endpoint)?,
        features: reader.array(FEATURE_SIZE_MIN, feature)?,
        rack: reader.nullable_string()?,
        fenced: reader.boolean()?,
        in_controlled_shutdown: version >= 1 && reader.boolean()?,
        ..RegisterBrokerRecord::default()
    };
    reader.tagged_fields(|tag, body| {
        match tag {
            0 if version >= 3 => record.log_dirs = body.uuid_array()?,
            1 if version >= 4 => {
                record.cordoned_log_dirs = body.nullable_array(16, Reader::uuid)?
            }
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    Ok(Record::RegisterBroker(record))
}

fn endpoint(reader: &mut Reader<'_>) -> Result<Endpoint, Error> {
    let endpoint = Endpoint {
        name: reader.string()?,
        host: reader.string()?,
        port: reader.u16()?,
        security_protocol: reader.i16()?,
    };
    reader.no_tagged_fields()?;
    Ok(endpoint)
}

fn feature(reader: &mut Reader<'_>) -> Result<FeatureRange, Error> {
    let feature = FeatureRange { name: reader.string()?, min: reader.i16()?, max: reader.i16()? };
    reader.no_tagged_fields()?;
    Ok(feature)
}

fn write_broker_registration_change(
    record: &BrokerRegistrationChangeRecord,
    writer: &mut Writer,
    tags: &mut TaggedFields,
) {
    writer.i32(record.broker_id);
    writer.i64(record.broker_epoch);
    tags.add_some(0, record.fenced, |writer, fenced| writer.i8(if fenced { 1 } else { -1 }));
    if record.in_controlled_shutdown {
        tags.add(1, |writer| writer.i8(1));
    }
    if !record.log_dirs.is_empty() {
        tags.add(2, |writer| writer.uuid_array(&record.log_dirs));
    }
    tags.add_some(3, record.cordoned_log_dirs.as_deref(), Writer::uuid_array);
}

pub(super) fn broker_registration_change(
    version: u32,
    reader: &mut Reader<'_>,
) -> Result<Record, Error> {
    let mut record = BrokerRegistrationChangeRecord {
        broker_id: reader.i32()?,
        broker_epoch: reader.i64()?,
        ..BrokerRegistrationChangeRecord::default()
    };
    reader.tagged_fields(|tag, body| {
        match tag {
            0 => {
                record.fenced = match body.i8()? {
                    -1 => Some(false),
                    0 => None,
                    1 => Some(true),
                    _ => return Err(Error::Malformed("fencing is neither -1, 0 nor 1")),
                }
            }
            1 if version >= 1 => record.in_controlled_shutdown = body.i8()? == 1,
            2 if version >= 2 => record.log_dirs = body.uuid_array()?,
            3 if version >= 3 => {
                record.cordoned_log_dirs = body.nullable_array(16, Reader::uuid)?
            }
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    Ok(Record::BrokerRegistrationChange(record))
}

pub(super) fn unregister_broker(reader: &mut Reader<'_>) -> Result<Record, Error> {
    let record = Record::UnregisterBroker { broker_id: reader.i32()?, broker_epoch: reader.i64()? };
    reader.no_tagged_fields()?;
    Ok(record)
}

pub(super) fn topic(reader: &mut Reader<'_>) -> Result<Record, Error> {
    let record = TopicRecord { name: reader.string()?, topic_id: reader.uuid()? };
    reader.no_tagged_fields()?;
    Ok(Record::Topic(record))
}

fn write_partition(record: &PartitionRecord, writer: &mut Writer, tags: &mut TaggedFields) {
    let state = &record.state;
    writer.i32(record.partition_index);
    writer.uuid(&record.topic_id);
    writer.i32_array(&state.replicas);
    writer.i32_array(&state.isr);
    writer.i32_array(&state.removing_replicas);
    writer.i32_array(&state.adding_replicas);
    writer.i32(state.leader);
    writer.i32(state.leader_epoch);
    writer.i32(state.partition_epoch);
    writer.uuid_array(&state.directories);
    if state.leader_recovery_state != 0 {
        tags.add(0, |writer| writer.i8(state.leader_recovery_state));
    }
    if !state.eligible_leader_replicas.is_empty() {
        tags.add(1, |writer| writer.i32_array(&state.eligible_leader_replicas));
    }
    if !state.last_known_elr.is_empty() {
        tags.add(2, |writer| writer.i32_array(&state.last_known_elr));
    }
}

pub(super) fn partition(version: u32, reader: &mut Reader<'_>) -> Result<Record, Error> {
    let partition = reader.i32()?;
    let topic_id = reader.uuid()?;
    let mut state = Partition {
        replicas: reader.i32_array()?,
        isr: reader.i32_array()?,
        removing_replicas: reader.i32_array()?,
        adding_replicas: reader.i32_array()?,
        leader: reader.i32()?,
        leader_epoch: reader.i32()?,
        partition_epoch: reader.i32()?,
        ..Partition::default()
    };
    if version >= 1 {
        state.directories = reader.uuid_array()?;
    }
    reader.tagged_fields(|tag, body| {
        match tag {
            0 => state.leader_recovery_state = body.i8()?,
            1 if version >= 2 => state.eligible_leader_replicas = nullable_nodes(body)?,
            2 if version >= 2 => state.last_known_elr = nullable_nodes(body)?,
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    Ok(Record::Partition(PartitionRecord { partition_index: partition, topic_id, state }))
}

/// Broker IDs where null means none.
fn nullable_nodes(reader: &mut Reader<'_>) -> Result<Vec<NodeId>, Error> {
    Ok(reader.nullable_array(4, Reader::i32)?.unwrap_or_default())
}

fn write_partition_change(
    record: &PartitionChangeRecord,
    writer: &mut Writer,
    tags: &mut TaggedFields,
) {
    writer.i32(record.partition_index);
    writer.uuid(&record.topic_id);
    tags.add_some(0, record.isr.as_deref(), Writer::i32_array);
    tags.add_some(1, record.leader, Writer::i32);
    tags.add_some(2, record.replicas.as_deref(), Writer::i32_array);
    tags.add_some(3, record.removing_replicas.as_deref(), Writer::i32_array);
    tags.add_some(4, record.adding_replicas.as_deref(), Writer::i32_array);
    tags.add_some(5, record.leader_recovery_state, Writer::i8);
    tags.add_some(6, record.eligible_leader_replicas.as_deref(), Writer::i32_array);
    tags.add_some(7, record.last_known_elr.as_deref(), Writer::i32_array);
    tags.add_some(8, record.directories.as_deref(), Writer::uuid_array);
}

pub(super) fn partition_change(version: u32, reader: &mut Reader<'_>) -> Result<Record, Error> {
    let mut record = PartitionChangeRecord {
        partition_index: reader.i32()?,
        topic_id: reader.uuid()?,
        ..PartitionChangeRecord::default()
    };
    reader.tagged_fields(|tag, body| {
        let nodes = |body: &mut Reader<'_>| body.nullable_array(4, Reader::i32);
        match tag {
            0 => record.isr = nodes(body)?,
            1 => record.leader = Some(body.i32()?).filter(|leader| *leader != LEADER_UNCHANGED),
            2 => record.replicas = nodes(body)?,
            3 => record.removing_replicas = nodes(body)?,
            4 => record.adding_replicas = nodes(body)?,
            5 => record.leader_recovery_state = Some(body.i8()?).filter(|state| *state != -1),
            6 if version >= 2 => record.eligible_leader_replicas = nodes(body)?,
            7 if version >= 2 => record.last_known_elr = nodes(body)?,
            8 if version >= 1 => record.directories = body.nullable_array(16, Reader::uuid)?,
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    Ok(Record::PartitionChange(record))
}

pub(super) fn config(reader: &mut Reader<'_>) -> Result<Record, Error> {
    let record = ConfigRecord {
        resource_type: reader.i8()?,
        resource_name: reader.string()?,
        name: reader.string()?,
        value: reader.nullable_string()?,
    };
    reader.no_tagged_fields()?;
    Ok(Record::Config(record))
}

pub(super) fn remove_topic(reader: &mut Reader<'_>) -> Result<Record, Error> {
    let topic_id = reader.uuid()?;
    reader.no_tagged_fields()?;
    Ok(Record::RemoveTopic { topic_id })
}

pub(super) fn feature_level(reader: &mut Reader<'_>) -> Result<Record, Error> {
    let record = Record::FeatureLevel { name: reader.string()?, level: reader.i16()? };
    reader.no_tagged_fields()?;
    Ok(record)
}

pub(super) fn client_quota(reader: &mut Reader<'_>) -> Result<Record, Error> {
    let entity = reader.array(ENTITY_SIZE_MIN, |reader| {
        let entity = (reader.string()?, reader.nullable_string()?);
        reader.no_tagged_fields()?;
        Ok(entity)
    })?;
    let (key, value_bits) = (reader.string()?, reader.u64()?);
    let value_bits = (!reader.boolean()?).then_some(value_bits);
    reader.no_tagged_fields()?;
    Ok(Record::ClientQuota(ClientQuotaRecord { entity, key, value_bits }))
}

pub(super) fn producer_ids(reader: &mut Reader<'_>) -> Result<Record, Error> {
    let record = ProducerIdsRecord {
        broker_id: reader.i32()?,
        broker_epoch: reader.i64()?,
        next_producer_id: reader.i64()?,
    };
    reader.no_tagged_fields()?;
    Ok(Record::ProducerIds(record))
}

/// A message whose only field is an optional text with tag 0.
pub(super) fn only_text(reader: &mut Reader<'_>) -> Result<Option<Arc<str>>, Error> {
    let mut text = None;
    reader.tagged_fields(|tag, body| {
        if tag != 0 {
            return Ok(false);
        }
        text = body.nullable_string()?;
        Ok(true)
    })?;
    Ok(text)
}
