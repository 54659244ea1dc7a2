//! The shape of every Kafka request in every version: which fields follow each other on the wire.
//!
//! Generated from Kafka's message definitions; do not edit. To regenerate, unpack a published
//! kafka-clients jar and run `scripts/generate-shapes common/message > src/wire/shapes.rs`.
//! It is data only: the walk over it, and the meaning of each column, is in `guard.rs`.

use super::guard::{Item, Request, Shape, array, field};

#[rustfmt::skip]
static PRODUCE_PARTITION_PRODUCE_DATA: Shape = Shape {
  memory: 64, fields: &[
    field("Index", 3, 13, Item::Fixed(4)),
    field("Records", 3, 13, Item::Bytes).nullable(3, 13),
  ] };
#[rustfmt::skip]
static PRODUCE_TOPIC_PRODUCE_DATA: Shape = Shape {
  memory: 96, fields: &[
    field("Name", 3, 12, Item::String),
    field("TopicId", 13, 13, Item::Fixed(16)),
    array("PartitionData", 3, 13, Item::Struct(&PRODUCE_PARTITION_PRODUCE_DATA)),
  ] };
#[rustfmt::skip]
static PRODUCE: Shape = Shape {
  memory: 88, fields: &[
    field("TransactionalId", 3, 13, Item::String).nullable(3, 13),
    field("Acks", 3, 13, Item::Fixed(2)),
    field("TimeoutMs", 3, 13, Item::Fixed(4)),
    array("TopicData", 3, 13, Item::Struct(&PRODUCE_TOPIC_PRODUCE_DATA)),
  ] };
#[rustfmt::skip]
static PRODUCE_REQUEST: Request = Request {
    key: 0, name: "ProduceRequest", min: 3, max: 13, flexible: 9,
    unstable: false, body: &PRODUCE,
};

#[rustfmt::skip]
static FETCH_REPLICA_STATE: Shape = Shape {
  memory: 40, fields: &[
    field("ReplicaId", 15, 18, Item::Fixed(4)),
    field("ReplicaEpoch", 15, 18, Item::Fixed(8)),
  ] };
#[rustfmt::skip]
static FETCH_PARTITION: Shape = Shape {
  memory: 80, fields: &[
    field("Partition", 4, 18, Item::Fixed(4)),
    field("CurrentLeaderEpoch", 9, 18, Item::Fixed(4)),
    field("FetchOffset", 4, 18, Item::Fixed(8)),
    field("LastFetchedEpoch", 12, 18, Item::Fixed(4)),
    field("LogStartOffset", 5, 18, Item::Fixed(8)),
    field("PartitionMaxBytes", 4, 18, Item::Fixed(4)),
    field("ReplicaDirectoryId", 17, 18, Item::Fixed(16)).tagged(0, 17, 18),
    field("HighWatermark", 18, 18, Item::Fixed(8)).tagged(1, 18, 18),
  ] };
#[rustfmt::skip]
static FETCH_TOPIC: Shape = Shape {
  memory: 96, fields: &[
    field("Topic", 4, 12, Item::String),
    field("TopicId", 13, 18, Item::Fixed(16)),
    array("Partitions", 4, 18, Item::Struct(&FETCH_PARTITION)),
  ] };
#[rustfmt::skip]
static FETCH_FORGOTTEN_TOPIC: Shape = Shape {
  memory: 96, fields: &[
    field("Topic", 7, 12, Item::String),
    field("TopicId", 13, 18, Item::Fixed(16)),
    array("Partitions", 7, 18, Item::Fixed(4)),
  ] };
#[rustfmt::skip]
static FETCH: Shape = Shape {
  memory: 208, fields: &[
    field("ClusterId", 12, 18, Item::String).nullable(12, 18).tagged(0, 12, 18),
    field("ReplicaId", 4, 14, Item::Fixed(4)),
    field("ReplicaState", 15, 18, Item::Struct(&FETCH_REPLICA_STATE)).tagged(1, 15, 18),
    field("MaxWaitMs", 4, 18, Item::Fixed(4)),
    field("MinBytes", 4, 18, Item::Fixed(4)),
    field("MaxBytes", 4, 18, Item::Fixed(4)),
    field("IsolationLevel", 4, 18, Item::Fixed(1)),
    field("SessionId", 7, 18, Item::Fixed(4)),
    field("SessionEpoch", 7, 18, Item::Fixed(4)),
    array("Topics", 4, 18, Item::Struct(&FETCH_TOPIC)),
    array("ForgottenTopicsData", 7, 18, Item::Struct(&FETCH_FORGOTTEN_TOPIC)),
    field("RackId", 11, 18, Item::String),
  ] };
#[rustfmt::skip]
static FETCH_REQUEST: Request = Request {
    key: 1, name: "FetchRequest", min: 4, max: 18, flexible: 12,
    unstable: false, body: &FETCH,
};

#[rustfmt::skip]
static LIST_OFFSETS_PARTITION: Shape = Shape {
  memory: 40, fields: &[
    field("PartitionIndex", 1, 11, Item::Fixed(4)),
    field("CurrentLeaderEpoch", 4, 11, Item::Fixed(4)),
    field("Timestamp", 1, 11, Item::Fixed(8)),
  ] };
#[rustfmt::skip]
static LIST_OFFSETS_TOPIC: Shape = Shape {
  memory: 80, fields: &[
    field("Name", 1, 11, Item::String),
    array("Partitions", 1, 11, Item::Struct(&LIST_OFFSETS_PARTITION)),
  ] };
#[rustfmt::skip]
static LIST_OFFSETS: Shape = Shape {
  memory: 64, fields: &[
    field("ReplicaId", 1, 11, Item::Fixed(4)),
    field("IsolationLevel", 2, 11, Item::Fixed(1)),
    array("Topics", 1, 11, Item::Struct(&LIST_OFFSETS_TOPIC)),
    field("TimeoutMs", 10, 11, Item::Fixed(4)),
  ] };
#[rustfmt::skip]
static LIST_OFFSETS_REQUEST: Request = Request {
    key: 2, name: "ListOffsetsRequest", min: 1, max: 11, flexible: 6,
    unstable: false, body: &LIST_OFFSETS,
};

#[rustfmt::skip]
static METADATA_REQUEST_TOPIC: Shape = Shape {
  memory: 72, fields: &[
    field("TopicId", 10, 13, Item::Fixed(16)),
    field("Name", 0, 13, Item::String).nullable(10, 13),
  ] };
#[rustfmt::skip]
static METADATA: Shape = Shape {
  memory: 56, fields: &[
    array("Topics", 0, 13, Item::Struct(&METADATA_REQUEST_TOPIC)).nullable(1, 13),
    field("AllowAutoTopicCreation", 4, 13, Item::Fixed(1)),
    field("IncludeClusterAuthorizedOperations", 8, 10, Item::Fixed(1)),
    field("IncludeTopicAuthorizedOperations", 8, 13, Item::Fixed(1)),
  ] };
#[rustfmt::skip]
static METADATA_REQUEST: Request = Request {
    key: 3, name: "MetadataRequest", min: 0, max: 13, flexible: 9,
    unstable: false, body: &METADATA,
};

#[rustfmt::skip]
static OFFSET_COMMIT_REQUEST_PARTITION: Shape = Shape {
  memory: 72, fields: &[
    field("PartitionIndex", 2, 10, Item::Fixed(4)),
    field("CommittedOffset", 2, 10, Item::Fixed(8)),
    field("CommittedLeaderEpoch", 6, 10, Item::Fixed(4)),
    field("CommittedMetadata", 2, 10, Item::String).nullable(2, 10),
  ] };
#[rustfmt::skip]
static OFFSET_COMMIT_REQUEST_TOPIC: Shape = Shape {
  memory: 96, fields: &[
    field("Name", 2, 9, Item::String),
    field("TopicId", 10, 10, Item::Fixed(16)),
    array("Partitions", 2, 10, Item::Struct(&OFFSET_COMMIT_REQUEST_PARTITION)),
  ] };
#[rustfmt::skip]
static OFFSET_COMMIT: Shape = Shape {
  memory: 160, fields: &[
    field("GroupId", 2, 10, Item::String),
    field("GenerationIdOrMemberEpoch", 2, 10, Item::Fixed(4)),
    field("MemberId", 2, 10, Item::String),
    field("GroupInstanceId", 7, 10, Item::String).nullable(7, 10),
    field("RetentionTimeMs", 2, 4, Item::Fixed(8)),
    array("Topics", 2, 10, Item::Struct(&OFFSET_COMMIT_REQUEST_TOPIC)),
  ] };
#[rustfmt::skip]
static OFFSET_COMMIT_REQUEST: Request = Request {
    key: 8, name: "OffsetCommitRequest", min: 2, max: 10, flexible: 8,
    unstable: false, body: &OFFSET_COMMIT,
};

#[rustfmt::skip]
static OFFSET_FETCH_REQUEST_TOPIC: Shape = Shape {
  memory: 80, fields: &[
    field("Name", 1, 7, Item::String),
    array("PartitionIndexes", 1, 7, Item::Fixed(4)),
  ] };
#[rustfmt::skip]
static OFFSET_FETCH_REQUEST_TOPICS: Shape = Shape {
  memory: 96, fields: &[
    field("Name", 8, 9, Item::String),
    field("TopicId", 10, 10, Item::Fixed(16)),
    array("PartitionIndexes", 8, 10, Item::Fixed(4)),
  ] };
#[rustfmt::skip]
static OFFSET_FETCH_REQUEST_GROUP: Shape = Shape {
  memory: 120, fields: &[
    field("GroupId", 8, 10, Item::String),
    field("MemberId", 9, 10, Item::String).nullable(9, 10),
    field("MemberEpoch", 9, 10, Item::Fixed(4)),
    array("Topics", 8, 10, Item::Struct(&OFFSET_FETCH_REQUEST_TOPICS)).nullable(8, 10),
  ] };
#[rustfmt::skip]
static OFFSET_FETCH: Shape = Shape {
  memory: 112, fields: &[
    field("GroupId", 1, 7, Item::String),
    array("Topics", 1, 7, Item::Struct(&OFFSET_FETCH_REQUEST_TOPIC)).nullable(2, 7),
    array("Groups", 8, 10, Item::Struct(&OFFSET_FETCH_REQUEST_GROUP)),
    field("RequireStable", 7, 10, Item::Fixed(1)),
  ] };
#[rustfmt::skip]
static OFFSET_FETCH_REQUEST: Request = Request {
    key: 9, name: "OffsetFetchRequest", min: 1, max: 10, flexible: 6,
    unstable: false, body: &OFFSET_FETCH,
};

#[rustfmt::skip]
static FIND_COORDINATOR: Shape = Shape {
  memory: 88, fields: &[
    field("Key", 0, 3, Item::String),
    field("KeyType", 1, 6, Item::Fixed(1)),
    array("CoordinatorKeys", 4, 6, Item::String),
  ] };
#[rustfmt::skip]
static FIND_COORDINATOR_REQUEST: Request = Request {
    key: 10, name: "FindCoordinatorRequest", min: 0, max: 6, flexible: 3,
    unstable: false, body: &FIND_COORDINATOR,
};

#[rustfmt::skip]
static JOIN_GROUP_REQUEST_PROTOCOL: Shape = Shape {
  memory: 88, fields: &[
    field("Name", 0, 9, Item::String),
    field("Metadata", 0, 9, Item::Bytes),
  ] };
#[rustfmt::skip]
static JOIN_GROUP: Shape = Shape {
  memory: 216, fields: &[
    field("GroupId", 0, 9, Item::String),
    field("SessionTimeoutMs", 0, 9, Item::Fixed(4)),
    field("RebalanceTimeoutMs", 1, 9, Item::Fixed(4)),
    field("MemberId", 0, 9, Item::String),
    field("GroupInstanceId", 5, 9, Item::String).nullable(5, 9),
    field("ProtocolType", 0, 9, Item::String),
    array("Protocols", 0, 9, Item::Struct(&JOIN_GROUP_REQUEST_PROTOCOL)),
    field("Reason", 8, 9, Item::String).nullable(8, 9),
  ] };
#[rustfmt::skip]
static JOIN_GROUP_REQUEST: Request = Request {
    key: 11, name: "JoinGroupRequest", min: 0, max: 9, flexible: 6,
    unstable: false, body: &JOIN_GROUP,
};

#[rustfmt::skip]
static HEARTBEAT: Shape = Shape {
  memory: 128, fields: &[
    field("GroupId", 0, 4, Item::String),
    field("GenerationId", 0, 4, Item::Fixed(4)),
    field("MemberId", 0, 4, Item::String),
    field("GroupInstanceId", 3, 4, Item::String).nullable(3, 4),
  ] };
#[rustfmt::skip]
static HEARTBEAT_REQUEST: Request = Request {
    key: 12, name: "HeartbeatRequest", min: 0, max: 4, flexible: 4,
    unstable: false, body: &HEARTBEAT,
};

#[rustfmt::skip]
static LEAVE_GROUP_MEMBER_IDENTITY: Shape = Shape {
  memory: 120, fields: &[
    field("MemberId", 3, 5, Item::String),
    field("GroupInstanceId", 3, 5, Item::String).nullable(3, 5),
    field("Reason", 5, 5, Item::String).nullable(5, 5),
  ] };
#[rustfmt::skip]
static LEAVE_GROUP: Shape = Shape {
  memory: 112, fields: &[
    field("GroupId", 0, 5, Item::String),
    field("MemberId", 0, 2, Item::String),
    array("Members", 3, 5, Item::Struct(&LEAVE_GROUP_MEMBER_IDENTITY)),
  ] };
#[rustfmt::skip]
static LEAVE_GROUP_REQUEST: Request = Request {
    key: 13, name: "LeaveGroupRequest", min: 0, max: 5, flexible: 4,
    unstable: false, body: &LEAVE_GROUP,
};

#[rustfmt::skip]
static SYNC_GROUP_REQUEST_ASSIGNMENT: Shape = Shape {
  memory: 88, fields: &[
    field("MemberId", 0, 5, Item::String),
    field("Assignment", 0, 5, Item::Bytes),
  ] };
#[rustfmt::skip]
static SYNC_GROUP: Shape = Shape {
  memory: 216, fields: &[
    field("GroupId", 0, 5, Item::String),
    field("GenerationId", 0, 5, Item::Fixed(4)),
    field("MemberId", 0, 5, Item::String),
    field("GroupInstanceId", 3, 5, Item::String).nullable(3, 5),
    field("ProtocolType", 5, 5, Item::String).nullable(5, 5),
    field("ProtocolName", 5, 5, Item::String).nullable(5, 5),
    array("Assignments", 0, 5, Item::Struct(&SYNC_GROUP_REQUEST_ASSIGNMENT)),
  ] };
#[rustfmt::skip]
static SYNC_GROUP_REQUEST: Request = Request {
    key: 14, name: "SyncGroupRequest", min: 0, max: 5, flexible: 4,
    unstable: false, body: &SYNC_GROUP,
};

#[rustfmt::skip]
static DESCRIBE_GROUPS: Shape = Shape {
  memory: 56, fields: &[
    array("Groups", 0, 6, Item::String),
    field("IncludeAuthorizedOperations", 3, 6, Item::Fixed(1)),
  ] };
#[rustfmt::skip]
static DESCRIBE_GROUPS_REQUEST: Request = Request {
    key: 15, name: "DescribeGroupsRequest", min: 0, max: 6, flexible: 5,
    unstable: false, body: &DESCRIBE_GROUPS,
};

#[rustfmt::skip]
static LIST_GROUPS: Shape = Shape {
  memory: 72, fields: &[
    array("StatesFilter", 4, 5, Item::String),
    array("TypesFilter", 5, 5, Item::String),
  ] };
#[rustfmt::skip]
static LIST_GROUPS_REQUEST: Request = Request {
    key: 16, name: "ListGroupsRequest", min: 0, max: 5, flexible: 3,
    unstable: false, body: &LIST_GROUPS,
};

#[rustfmt::skip]
static SASL_HANDSHAKE: Shape = Shape {
  memory: 56, fields: &[
    field("Mechanism", 0, 1, Item::String),
  ] };
#[rustfmt::skip]
static SASL_HANDSHAKE_REQUEST: Request = Request {
    key: 17, name: "SaslHandshakeRequest", min: 0, max: 1, flexible: i16::MAX,
    unstable: false, body: &SASL_HANDSHAKE,
};

#[rustfmt::skip]
static API_VERSIONS: Shape = Shape {
  memory: 128, fields: &[
    field("ClientSoftwareName", 3, 5, Item::String),
    field("ClientSoftwareVersion", 3, 5, Item::String),
    field("ClusterId", 5, 5, Item::String).nullable(5, 5),
    field("NodeId", 5, 5, Item::Fixed(4)),
  ] };
#[rustfmt::skip]
static API_VERSIONS_REQUEST: Request = Request {
    key: 18, name: "ApiVersionsRequest", min: 0, max: 5, flexible: 3,
    unstable: false, body: &API_VERSIONS,
};

#[rustfmt::skip]
static CREATE_TOPICS_CREATABLE_REPLICA_ASSIGNMENT: Shape = Shape {
  memory: 56, fields: &[
    field("PartitionIndex", 2, 7, Item::Fixed(4)),
    array("BrokerIds", 2, 7, Item::Fixed(4)),
  ] };
#[rustfmt::skip]
static CREATE_TOPICS_CREATABLE_TOPIC_CONFIG: Shape = Shape {
  memory: 88, fields: &[
    field("Name", 2, 7, Item::String),
    field("Value", 2, 7, Item::String).nullable(2, 7),
  ] };
#[rustfmt::skip]
static CREATE_TOPICS_CREATABLE_TOPIC: Shape = Shape {
  memory: 112, fields: &[
    field("Name", 2, 7, Item::String),
    field("NumPartitions", 2, 7, Item::Fixed(4)),
    field("ReplicationFactor", 2, 7, Item::Fixed(2)),
    array("Assignments", 2, 7, Item::Struct(&CREATE_TOPICS_CREATABLE_REPLICA_ASSIGNMENT)),
    array("Configs", 2, 7, Item::Struct(&CREATE_TOPICS_CREATABLE_TOPIC_CONFIG)),
  ] };
#[rustfmt::skip]
static CREATE_TOPICS: Shape = Shape {
  memory: 56, fields: &[
    array("Topics", 2, 7, Item::Struct(&CREATE_TOPICS_CREATABLE_TOPIC)),
    field("timeoutMs", 2, 7, Item::Fixed(4)),
    field("validateOnly", 2, 7, Item::Fixed(1)),
  ] };
#[rustfmt::skip]
static CREATE_TOPICS_REQUEST: Request = Request {
    key: 19, name: "CreateTopicsRequest", min: 2, max: 7, flexible: 5,
    unstable: false, body: &CREATE_TOPICS,
};

#[rustfmt::skip]
static DELETE_TOPICS_DELETE_TOPIC_STATE: Shape = Shape {
  memory: 72, fields: &[
    field("Name", 6, 6, Item::String).nullable(6, 6),
    field("TopicId", 6, 6, Item::Fixed(16)),
  ] };
#[rustfmt::skip]
static DELETE_TOPICS: Shape = Shape {
  memory: 80, fields: &[
    array("Topics", 6, 6, Item::Struct(&DELETE_TOPICS_DELETE_TOPIC_STATE)),
    array("TopicNames", 1, 5, Item::String),
    field("TimeoutMs", 1, 6, Item::Fixed(4)),
  ] };
#[rustfmt::skip]
static DELETE_TOPICS_REQUEST: Request = Request {
    key: 20, name: "DeleteTopicsRequest", min: 1, max: 6, flexible: 4,
    unstable: false, body: &DELETE_TOPICS,
};

#[rustfmt::skip]
static DELETE_RECORDS_PARTITION: Shape = Shape {
  memory: 40, fields: &[
    field("PartitionIndex", 0, 2, Item::Fixed(4)),
    field("Offset", 0, 2, Item::Fixed(8)),
  ] };
#[rustfmt::skip]
static DELETE_RECORDS_TOPIC: Shape = Shape {
  memory: 80, fields: &[
    field("Name", 0, 2, Item::String),
    array("Partitions", 0, 2, Item::Struct(&DELETE_RECORDS_PARTITION)),
  ] };
#[rustfmt::skip]
static DELETE_RECORDS: Shape = Shape {
  memory: 56, fields: &[
    array("Topics", 0, 2, Item::Struct(&DELETE_RECORDS_TOPIC)),
    field("TimeoutMs", 0, 2, Item::Fixed(4)),
  ] };
#[rustfmt::skip]
static DELETE_RECORDS_REQUEST: Request = Request {
    key: 21, name: "DeleteRecordsRequest", min: 0, max: 2, flexible: 2,
    unstable: false, body: &DELETE_RECORDS,
};

#[rustfmt::skip]
static INIT_PRODUCER_ID: Shape = Shape {
  memory: 72, fields: &[
    field("TransactionalId", 0, 6, Item::String).nullable(0, 6),
    field("TransactionTimeoutMs", 0, 6, Item::Fixed(4)),
    field("ProducerId", 3, 6, Item::Fixed(8)),
    field("ProducerEpoch", 3, 6, Item::Fixed(2)),
    field("Enable2Pc", 6, 6, Item::Fixed(1)),
    field("KeepPreparedTxn", 6, 6, Item::Fixed(1)),
  ] };
#[rustfmt::skip]
static INIT_PRODUCER_ID_REQUEST: Request = Request {
    key: 22, name: "InitProducerIdRequest", min: 0, max: 6, flexible: 2,
    unstable: true, body: &INIT_PRODUCER_ID,
};

#[rustfmt::skip]
static OFFSET_FOR_LEADER_EPOCH_OFFSET_FOR_LEADER_PARTITION: Shape = Shape {
  memory: 40, fields: &[
    field("Partition", 2, 4, Item::Fixed(4)),
    field("CurrentLeaderEpoch", 2, 4, Item::Fixed(4)),
    field("LeaderEpoch", 2, 4, Item::Fixed(4)),
  ] };
#[rustfmt::skip]
static OFFSET_FOR_LEADER_EPOCH_OFFSET_FOR_LEADER_TOPIC: Shape = Shape {
  memory: 80, fields: &[
    field("Topic", 2, 4, Item::String),
    array("Partitions", 2, 4, Item::Struct(&OFFSET_FOR_LEADER_EPOCH_OFFSET_FOR_LEADER_PARTITION)),
  ] };
#[rustfmt::skip]
static OFFSET_FOR_LEADER_EPOCH: Shape = Shape {
  memory: 56, fields: &[
    field("ReplicaId", 3, 4, Item::Fixed(4)),
    array("Topics", 2, 4, Item::Struct(&OFFSET_FOR_LEADER_EPOCH_OFFSET_FOR_LEADER_TOPIC)),
  ] };
#[rustfmt::skip]
static OFFSET_FOR_LEADER_EPOCH_REQUEST: Request = Request {
    key: 23, name: "OffsetForLeaderEpochRequest", min: 2, max: 4, flexible: 4,
    unstable: false, body: &OFFSET_FOR_LEADER_EPOCH,
};

#[rustfmt::skip]
static ADD_PARTITIONS_TO_TXN_TOPIC: Shape = Shape {
  memory: 80, fields: &[
    field("Name", 0, 5, Item::String),
    array("Partitions", 0, 5, Item::Fixed(4)),
  ] };
#[rustfmt::skip]
static ADD_PARTITIONS_TO_TXN_TRANSACTION: Shape = Shape {
  memory: 96, fields: &[
    field("TransactionalId", 4, 5, Item::String),
    field("ProducerId", 4, 5, Item::Fixed(8)),
    field("ProducerEpoch", 4, 5, Item::Fixed(2)),
    field("VerifyOnly", 4, 5, Item::Fixed(1)),
    array("Topics", 4, 5, Item::Struct(&ADD_PARTITIONS_TO_TXN_TOPIC)),
  ] };
#[rustfmt::skip]
static ADD_PARTITIONS_TO_TXN: Shape = Shape {
  memory: 120, fields: &[
    array("Transactions", 4, 5, Item::Struct(&ADD_PARTITIONS_TO_TXN_TRANSACTION)),
    field("V3AndBelowTransactionalId", 0, 3, Item::String),
    field("V3AndBelowProducerId", 0, 3, Item::Fixed(8)),
    field("V3AndBelowProducerEpoch", 0, 3, Item::Fixed(2)),
    array("V3AndBelowTopics", 0, 3, Item::Struct(&ADD_PARTITIONS_TO_TXN_TOPIC)),
  ] };
#[rustfmt::skip]
static ADD_PARTITIONS_TO_TXN_REQUEST: Request = Request {
    key: 24, name: "AddPartitionsToTxnRequest", min: 0, max: 5, flexible: 3,
    unstable: false, body: &ADD_PARTITIONS_TO_TXN,
};

#[rustfmt::skip]
static ADD_OFFSETS_TO_TXN: Shape = Shape {
  memory: 104, fields: &[
    field("TransactionalId", 0, 4, Item::String),
    field("ProducerId", 0, 4, Item::Fixed(8)),
    field("ProducerEpoch", 0, 4, Item::Fixed(2)),
    field("GroupId", 0, 4, Item::String),
  ] };
#[rustfmt::skip]
static ADD_OFFSETS_TO_TXN_REQUEST: Request = Request {
    key: 25, name: "AddOffsetsToTxnRequest", min: 0, max: 4, flexible: 3,
    unstable: false, body: &ADD_OFFSETS_TO_TXN,
};

#[rustfmt::skip]
static END_TXN: Shape = Shape {
  memory: 72, fields: &[
    field("TransactionalId", 0, 5, Item::String),
    field("ProducerId", 0, 5, Item::Fixed(8)),
    field("ProducerEpoch", 0, 5, Item::Fixed(2)),
    field("Committed", 0, 5, Item::Fixed(1)),
  ] };
#[rustfmt::skip]
static END_TXN_REQUEST: Request = Request {
    key: 26, name: "EndTxnRequest", min: 0, max: 5, flexible: 3,
    unstable: false, body: &END_TXN,
};

#[rustfmt::skip]
static WRITE_TXN_MARKERS_WRITABLE_TXN_MARKER_TOPIC: Shape = Shape {
  memory: 80, fields: &[
    field("Name", 1, 2, Item::String),
    array("PartitionIndexes", 1, 2, Item::Fixed(4)),
  ] };
#[rustfmt::skip]
static WRITE_TXN_MARKERS_WRITABLE_TXN_MARKER: Shape = Shape {
  memory: 64, fields: &[
    field("ProducerId", 1, 2, Item::Fixed(8)),
    field("ProducerEpoch", 1, 2, Item::Fixed(2)),
    field("TransactionResult", 1, 2, Item::Fixed(1)),
    array("Topics", 1, 2, Item::Struct(&WRITE_TXN_MARKERS_WRITABLE_TXN_MARKER_TOPIC)),
    field("CoordinatorEpoch", 1, 2, Item::Fixed(4)),
    field("TransactionVersion", 2, 2, Item::Fixed(1)),
  ] };
#[rustfmt::skip]
static WRITE_TXN_MARKERS: Shape = Shape {
  memory: 48, fields: &[
    array("Markers", 1, 2, Item::Struct(&WRITE_TXN_MARKERS_WRITABLE_TXN_MARKER)),
  ] };
#[rustfmt::skip]
static WRITE_TXN_MARKERS_REQUEST: Request = Request {
    key: 27, name: "WriteTxnMarkersRequest", min: 1, max: 2, flexible: 1,
    unstable: false, body: &WRITE_TXN_MARKERS,
};

#[rustfmt::skip]
static TXN_OFFSET_COMMIT_REQUEST_PARTITION: Shape = Shape {
  memory: 72, fields: &[
    field("PartitionIndex", 0, 6, Item::Fixed(4)),
    field("CommittedOffset", 0, 6, Item::Fixed(8)),
    field("CommittedLeaderEpoch", 2, 6, Item::Fixed(4)),
    field("CommittedMetadata", 0, 6, Item::String).nullable(0, 6),
  ] };
#[rustfmt::skip]
static TXN_OFFSET_COMMIT_REQUEST_TOPIC: Shape = Shape {
  memory: 96, fields: &[
    field("Name", 0, 5, Item::String),
    field("TopicId", 6, 6, Item::Fixed(16)),
    array("Partitions", 0, 6, Item::Struct(&TXN_OFFSET_COMMIT_REQUEST_PARTITION)),
  ] };
#[rustfmt::skip]
static TXN_OFFSET_COMMIT: Shape = Shape {
  memory: 192, fields: &[
    field("TransactionalId", 0, 6, Item::String),
    field("GroupId", 0, 6, Item::String),
    field("ProducerId", 0, 6, Item::Fixed(8)),
    field("ProducerEpoch", 0, 6, Item::Fixed(2)),
    field("GenerationIdOrMemberEpoch", 3, 6, Item::Fixed(4)),
    field("MemberId", 3, 6, Item::String),
    field("GroupInstanceId", 3, 6, Item::String).nullable(3, 6),
    array("Topics", 0, 6, Item::Struct(&TXN_OFFSET_COMMIT_REQUEST_TOPIC)),
  ] };
#[rustfmt::skip]
static TXN_OFFSET_COMMIT_REQUEST: Request = Request {
    key: 28, name: "TxnOffsetCommitRequest", min: 0, max: 6, flexible: 3,
    unstable: false, body: &TXN_OFFSET_COMMIT,
};

#[rustfmt::skip]
static DESCRIBE_ACLS: Shape = Shape {
  memory: 128, fields: &[
    field("ResourceTypeFilter", 1, 3, Item::Fixed(1)),
    field("ResourceNameFilter", 1, 3, Item::String).nullable(1, 3),
    field("PatternTypeFilter", 1, 3, Item::Fixed(1)),
    field("PrincipalFilter", 1, 3, Item::String).nullable(1, 3),
    field("HostFilter", 1, 3, Item::String).nullable(1, 3),
    field("Operation", 1, 3, Item::Fixed(1)),
    field("PermissionType", 1, 3, Item::Fixed(1)),
  ] };
#[rustfmt::skip]
static DESCRIBE_ACLS_REQUEST: Request = Request {
    key: 29, name: "DescribeAclsRequest", min: 1, max: 3, flexible: 2,
    unstable: false, body: &DESCRIBE_ACLS,
};

#[rustfmt::skip]
static CREATE_ACLS_ACL_CREATION: Shape = Shape {
  memory: 128, fields: &[
    field("ResourceType", 1, 3, Item::Fixed(1)),
    field("ResourceName", 1, 3, Item::String),
    field("ResourcePatternType", 1, 3, Item::Fixed(1)),
    field("Principal", 1, 3, Item::String),
    field("Host", 1, 3, Item::String),
    field("Operation", 1, 3, Item::Fixed(1)),
    field("PermissionType", 1, 3, Item::Fixed(1)),
  ] };
#[rustfmt::skip]
static CREATE_ACLS: Shape = Shape {
  memory: 48, fields: &[
    array("Creations", 1, 3, Item::Struct(&CREATE_ACLS_ACL_CREATION)),
  ] };
#[rustfmt::skip]
static CREATE_ACLS_REQUEST: Request = Request {
    key: 30, name: "CreateAclsRequest", min: 1, max: 3, flexible: 2,
    unstable: false, body: &CREATE_ACLS,
};

#[rustfmt::skip]
static DELETE_ACLS_FILTER: Shape = Shape {
  memory: 128, fields: &[
    field("ResourceTypeFilter", 1, 3, Item::Fixed(1)),
    field("ResourceNameFilter", 1, 3, Item::String).nullable(1, 3),
    field("PatternTypeFilter", 1, 3, Item::Fixed(1)),
    field("PrincipalFilter", 1, 3, Item::String).nullable(1, 3),
    field("HostFilter", 1, 3, Item::String).nullable(1, 3),
    field("Operation", 1, 3, Item::Fixed(1)),
    field("PermissionType", 1, 3, Item::Fixed(1)),
  ] };
#[rustfmt::skip]
static DELETE_ACLS: Shape = Shape {
  memory: 48, fields: &[
    array("Filters", 1, 3, Item::Struct(&DELETE_ACLS_FILTER)),
  ] };
#[rustfmt::skip]
static DELETE_ACLS_REQUEST: Request = Request {
    key: 31, name: "DeleteAclsRequest", min: 1, max: 3, flexible: 2,
    unstable: false, body: &DELETE_ACLS,
};

#[rustfmt::skip]
static DESCRIBE_CONFIGS_RESOURCE: Shape = Shape {
  memory: 88, fields: &[
    field("ResourceType", 1, 4, Item::Fixed(1)),
    field("ResourceName", 1, 4, Item::String),
    array("ConfigurationKeys", 1, 4, Item::String).nullable(1, 4),
  ] };
#[rustfmt::skip]
static DESCRIBE_CONFIGS: Shape = Shape {
  memory: 56, fields: &[
    array("Resources", 1, 4, Item::Struct(&DESCRIBE_CONFIGS_RESOURCE)),
    field("IncludeSynonyms", 1, 4, Item::Fixed(1)),
    field("IncludeDocumentation", 3, 4, Item::Fixed(1)),
  ] };
#[rustfmt::skip]
static DESCRIBE_CONFIGS_REQUEST: Request = Request {
    key: 32, name: "DescribeConfigsRequest", min: 1, max: 4, flexible: 4,
    unstable: false, body: &DESCRIBE_CONFIGS,
};

#[rustfmt::skip]
static ALTER_CONFIGS_ALTERABLE_CONFIG: Shape = Shape {
  memory: 88, fields: &[
    field("Name", 0, 2, Item::String),
    field("Value", 0, 2, Item::String).nullable(0, 2),
  ] };
#[rustfmt::skip]
static ALTER_CONFIGS_RESOURCE: Shape = Shape {
  memory: 88, fields: &[
    field("ResourceType", 0, 2, Item::Fixed(1)),
    field("ResourceName", 0, 2, Item::String),
    array("Configs", 0, 2, Item::Struct(&ALTER_CONFIGS_ALTERABLE_CONFIG)),
  ] };
#[rustfmt::skip]
static ALTER_CONFIGS: Shape = Shape {
  memory: 56, fields: &[
    array("Resources", 0, 2, Item::Struct(&ALTER_CONFIGS_RESOURCE)),
    field("ValidateOnly", 0, 2, Item::Fixed(1)),
  ] };
#[rustfmt::skip]
static ALTER_CONFIGS_REQUEST: Request = Request {
    key: 33, name: "AlterConfigsRequest", min: 0, max: 2, flexible: 2,
    unstable: false, body: &ALTER_CONFIGS,
};

#[rustfmt::skip]
static ALTER_REPLICA_LOG_DIRS_ALTER_REPLICA_LOG_DIR_TOPIC: Shape = Shape {
  memory: 80, fields: &[
    field("Name", 1, 2, Item::String),
    array("Partitions", 1, 2, Item::Fixed(4)),
  ] };
#[rustfmt::skip]
static ALTER_REPLICA_LOG_DIRS_ALTER_REPLICA_LOG_DIR: Shape = Shape {
  memory: 80, fields: &[
    field("Path", 1, 2, Item::String),
    array("Topics", 1, 2, Item::Struct(&ALTER_REPLICA_LOG_DIRS_ALTER_REPLICA_LOG_DIR_TOPIC)),
  ] };
#[rustfmt::skip]
static ALTER_REPLICA_LOG_DIRS: Shape = Shape {
  memory: 48, fields: &[
    array("Dirs", 1, 2, Item::Struct(&ALTER_REPLICA_LOG_DIRS_ALTER_REPLICA_LOG_DIR)),
  ] };
#[rustfmt::skip]
static ALTER_REPLICA_LOG_DIRS_REQUEST: Request = Request {
    key: 34, name: "AlterReplicaLogDirsRequest", min: 1, max: 2, flexible: 2,
    unstable: false, body: &ALTER_REPLICA_LOG_DIRS,
};

#[rustfmt::skip]
static DESCRIBE_LOG_DIRS_DESCRIBABLE_LOG_DIR_TOPIC: Shape = Shape {
  memory: 80, fields: &[
    field("Topic", 1, 5, Item::String),
    array("Partitions", 1, 5, Item::Fixed(4)),
  ] };
#[rustfmt::skip]
static DESCRIBE_LOG_DIRS: Shape = Shape {
  memory: 48, fields: &[
    array("Topics", 1, 5,
      Item::Struct(&DESCRIBE_LOG_DIRS_DESCRIBABLE_LOG_DIR_TOPIC)).nullable(1, 5),
  ] };
#[rustfmt::skip]
static DESCRIBE_LOG_DIRS_REQUEST: Request = Request {
    key: 35, name: "DescribeLogDirsRequest", min: 1, max: 5, flexible: 2,
    unstable: false, body: &DESCRIBE_LOG_DIRS,
};

#[rustfmt::skip]
static SASL_AUTHENTICATE: Shape = Shape {
  memory: 56, fields: &[
    field("AuthBytes", 0, 2, Item::Bytes),
  ] };
#[rustfmt::skip]
static SASL_AUTHENTICATE_REQUEST: Request = Request {
    key: 36, name: "SaslAuthenticateRequest", min: 0, max: 2, flexible: 2,
    unstable: false, body: &SASL_AUTHENTICATE,
};

#[rustfmt::skip]
static CREATE_PARTITIONS_ASSIGNMENT: Shape = Shape {
  memory: 48, fields: &[
    array("BrokerIds", 0, 3, Item::Fixed(4)),
  ] };
#[rustfmt::skip]
static CREATE_PARTITIONS_TOPIC: Shape = Shape {
  memory: 88, fields: &[
    field("Name", 0, 3, Item::String),
    field("Count", 0, 3, Item::Fixed(4)),
    array("Assignments", 0, 3, Item::Struct(&CREATE_PARTITIONS_ASSIGNMENT)).nullable(0, 3),
  ] };
#[rustfmt::skip]
static CREATE_PARTITIONS: Shape = Shape {
  memory: 56, fields: &[
    array("Topics", 0, 3, Item::Struct(&CREATE_PARTITIONS_TOPIC)),
    field("TimeoutMs", 0, 3, Item::Fixed(4)),
    field("ValidateOnly", 0, 3, Item::Fixed(1)),
  ] };
#[rustfmt::skip]
static CREATE_PARTITIONS_REQUEST: Request = Request {
    key: 37, name: "CreatePartitionsRequest", min: 0, max: 3, flexible: 2,
    unstable: false, body: &CREATE_PARTITIONS,
};

#[rustfmt::skip]
static CREATE_DELEGATION_TOKEN_CREATABLE_RENEWERS: Shape = Shape {
  memory: 88, fields: &[
    field("PrincipalType", 1, 3, Item::String),
    field("PrincipalName", 1, 3, Item::String),
  ] };
#[rustfmt::skip]
static CREATE_DELEGATION_TOKEN: Shape = Shape {
  memory: 120, fields: &[
    field("OwnerPrincipalType", 3, 3, Item::String).nullable(3, 3),
    field("OwnerPrincipalName", 3, 3, Item::String).nullable(3, 3),
    array("Renewers", 1, 3, Item::Struct(&CREATE_DELEGATION_TOKEN_CREATABLE_RENEWERS)),
    field("MaxLifetimeMs", 1, 3, Item::Fixed(8)),
  ] };
#[rustfmt::skip]
static CREATE_DELEGATION_TOKEN_REQUEST: Request = Request {
    key: 38, name: "CreateDelegationTokenRequest", min: 1, max: 3, flexible: 2,
    unstable: false, body: &CREATE_DELEGATION_TOKEN,
};

#[rustfmt::skip]
static RENEW_DELEGATION_TOKEN: Shape = Shape {
  memory: 64, fields: &[
    field("Hmac", 1, 2, Item::Bytes),
    field("RenewPeriodMs", 1, 2, Item::Fixed(8)),
  ] };
#[rustfmt::skip]
static RENEW_DELEGATION_TOKEN_REQUEST: Request = Request {
    key: 39, name: "RenewDelegationTokenRequest", min: 1, max: 2, flexible: 2,
    unstable: false, body: &RENEW_DELEGATION_TOKEN,
};

#[rustfmt::skip]
static EXPIRE_DELEGATION_TOKEN: Shape = Shape {
  memory: 64, fields: &[
    field("Hmac", 1, 2, Item::Bytes),
    field("ExpiryTimePeriodMs", 1, 2, Item::Fixed(8)),
  ] };
#[rustfmt::skip]
static EXPIRE_DELEGATION_TOKEN_REQUEST: Request = Request {
    key: 40, name: "ExpireDelegationTokenRequest", min: 1, max: 2, flexible: 2,
    unstable: false, body: &EXPIRE_DELEGATION_TOKEN,
};

#[rustfmt::skip]
static DESCRIBE_DELEGATION_TOKEN_OWNER: Shape = Shape {
  memory: 88, fields: &[
    field("PrincipalType", 1, 3, Item::String),
    field("PrincipalName", 1, 3, Item::String),
  ] };
#[rustfmt::skip]
static DESCRIBE_DELEGATION_TOKEN: Shape = Shape {
  memory: 48, fields: &[
    array("Owners", 1, 3, Item::Struct(&DESCRIBE_DELEGATION_TOKEN_OWNER)).nullable(1, 3),
  ] };
#[rustfmt::skip]
static DESCRIBE_DELEGATION_TOKEN_REQUEST: Request = Request {
    key: 41, name: "DescribeDelegationTokenRequest", min: 1, max: 3, flexible: 2,
    unstable: false, body: &DESCRIBE_DELEGATION_TOKEN,
};

#[rustfmt::skip]
static DELETE_GROUPS: Shape = Shape {
  memory: 48, fields: &[
    array("GroupsNames", 0, 3, Item::String),
  ] };
#[rustfmt::skip]
static DELETE_GROUPS_REQUEST: Request = Request {
    key: 42, name: "DeleteGroupsRequest", min: 0, max: 3, flexible: 2,
    unstable: false, body: &DELETE_GROUPS,
};

#[rustfmt::skip]
static ELECT_LEADERS_TOPIC_PARTITIONS: Shape = Shape {
  memory: 80, fields: &[
    field("Topic", 0, 2, Item::String),
    array("Partitions", 0, 2, Item::Fixed(4)),
  ] };
#[rustfmt::skip]
static ELECT_LEADERS: Shape = Shape {
  memory: 56, fields: &[
    field("ElectionType", 1, 2, Item::Fixed(1)),
    array("TopicPartitions", 0, 2, Item::Struct(&ELECT_LEADERS_TOPIC_PARTITIONS)).nullable(0, 2),
    field("TimeoutMs", 0, 2, Item::Fixed(4)),
  ] };
#[rustfmt::skip]
static ELECT_LEADERS_REQUEST: Request = Request {
    key: 43, name: "ElectLeadersRequest", min: 0, max: 2, flexible: 2,
    unstable: false, body: &ELECT_LEADERS,
};

#[rustfmt::skip]
static INCREMENTAL_ALTER_CONFIGS_ALTERABLE_CONFIG: Shape = Shape {
  memory: 96, fields: &[
    field("Name", 0, 1, Item::String),
    field("ConfigOperation", 0, 1, Item::Fixed(1)),
    field("Value", 0, 1, Item::String).nullable(0, 1),
  ] };
#[rustfmt::skip]
static INCREMENTAL_ALTER_CONFIGS_ALTER_CONFIGS_RESOURCE: Shape = Shape {
  memory: 88, fields: &[
    field("ResourceType", 0, 1, Item::Fixed(1)),
    field("ResourceName", 0, 1, Item::String),
    array("Configs", 0, 1, Item::Struct(&INCREMENTAL_ALTER_CONFIGS_ALTERABLE_CONFIG)),
  ] };
#[rustfmt::skip]
static INCREMENTAL_ALTER_CONFIGS: Shape = Shape {
  memory: 56, fields: &[
    array("Resources", 0, 1, Item::Struct(&INCREMENTAL_ALTER_CONFIGS_ALTER_CONFIGS_RESOURCE)),
    field("ValidateOnly", 0, 1, Item::Fixed(1)),
  ] };
#[rustfmt::skip]
static INCREMENTAL_ALTER_CONFIGS_REQUEST: Request = Request {
    key: 44, name: "IncrementalAlterConfigsRequest", min: 0, max: 1, flexible: 1,
    unstable: false, body: &INCREMENTAL_ALTER_CONFIGS,
};

#[rustfmt::skip]
static ALTER_PARTITION_REASSIGNMENTS_REASSIGNABLE_PARTITION: Shape = Shape {
  memory: 56, fields: &[
    field("PartitionIndex", 0, 1, Item::Fixed(4)),
    array("Replicas", 0, 1, Item::Fixed(4)).nullable(0, 1),
  ] };
#[rustfmt::skip]
static ALTER_PARTITION_REASSIGNMENTS_REASSIGNABLE_TOPIC: Shape = Shape {
  memory: 80, fields: &[
    field("Name", 0, 1, Item::String),
    array("Partitions", 0, 1,
      Item::Struct(&ALTER_PARTITION_REASSIGNMENTS_REASSIGNABLE_PARTITION)),
  ] };
#[rustfmt::skip]
static ALTER_PARTITION_REASSIGNMENTS: Shape = Shape {
  memory: 56, fields: &[
    field("TimeoutMs", 0, 1, Item::Fixed(4)),
    field("AllowReplicationFactorChange", 1, 1, Item::Fixed(1)),
    array("Topics", 0, 1, Item::Struct(&ALTER_PARTITION_REASSIGNMENTS_REASSIGNABLE_TOPIC)),
  ] };
#[rustfmt::skip]
static ALTER_PARTITION_REASSIGNMENTS_REQUEST: Request = Request {
    key: 45, name: "AlterPartitionReassignmentsRequest", min: 0, max: 1, flexible: 0,
    unstable: false, body: &ALTER_PARTITION_REASSIGNMENTS,
};

#[rustfmt::skip]
static LIST_PARTITION_REASSIGNMENTS_TOPICS: Shape = Shape {
  memory: 80, fields: &[
    field("Name", 0, 0, Item::String),
    array("PartitionIndexes", 0, 0, Item::Fixed(4)),
  ] };
#[rustfmt::skip]
static LIST_PARTITION_REASSIGNMENTS: Shape = Shape {
  memory: 56, fields: &[
    field("TimeoutMs", 0, 0, Item::Fixed(4)),
    array("Topics", 0, 0, Item::Struct(&LIST_PARTITION_REASSIGNMENTS_TOPICS)).nullable(0, 0),
  ] };
#[rustfmt::skip]
static LIST_PARTITION_REASSIGNMENTS_REQUEST: Request = Request {
    key: 46, name: "ListPartitionReassignmentsRequest", min: 0, max: 0, flexible: 0,
    unstable: false, body: &LIST_PARTITION_REASSIGNMENTS,
};

#[rustfmt::skip]
static OFFSET_DELETE_REQUEST_PARTITION: Shape = Shape {
  memory: 32, fields: &[
    field("PartitionIndex", 0, 0, Item::Fixed(4)),
  ] };
#[rustfmt::skip]
static OFFSET_DELETE_REQUEST_TOPIC: Shape = Shape {
  memory: 80, fields: &[
    field("Name", 0, 0, Item::String),
    array("Partitions", 0, 0, Item::Struct(&OFFSET_DELETE_REQUEST_PARTITION)),
  ] };
#[rustfmt::skip]
static OFFSET_DELETE: Shape = Shape {
  memory: 80, fields: &[
    field("GroupId", 0, 0, Item::String),
    array("Topics", 0, 0, Item::Struct(&OFFSET_DELETE_REQUEST_TOPIC)),
  ] };
#[rustfmt::skip]
static OFFSET_DELETE_REQUEST: Request = Request {
    key: 47, name: "OffsetDeleteRequest", min: 0, max: 0, flexible: i16::MAX,
    unstable: false, body: &OFFSET_DELETE,
};

#[rustfmt::skip]
static DESCRIBE_CLIENT_QUOTAS_COMPONENT_DATA: Shape = Shape {
  memory: 96, fields: &[
    field("EntityType", 0, 1, Item::String),
    field("MatchType", 0, 1, Item::Fixed(1)),
    field("Match", 0, 1, Item::String).nullable(0, 1),
  ] };
#[rustfmt::skip]
static DESCRIBE_CLIENT_QUOTAS: Shape = Shape {
  memory: 56, fields: &[
    array("Components", 0, 1, Item::Struct(&DESCRIBE_CLIENT_QUOTAS_COMPONENT_DATA)),
    field("Strict", 0, 1, Item::Fixed(1)),
  ] };
#[rustfmt::skip]
static DESCRIBE_CLIENT_QUOTAS_REQUEST: Request = Request {
    key: 48, name: "DescribeClientQuotasRequest", min: 0, max: 1, flexible: 1,
    unstable: false, body: &DESCRIBE_CLIENT_QUOTAS,
};

#[rustfmt::skip]
static ALTER_CLIENT_QUOTAS_ENTITY_DATA: Shape = Shape {
  memory: 88, fields: &[
    field("EntityType", 0, 1, Item::String),
    field("EntityName", 0, 1, Item::String).nullable(0, 1),
  ] };
#[rustfmt::skip]
static ALTER_CLIENT_QUOTAS_OP_DATA: Shape = Shape {
  memory: 72, fields: &[
    field("Key", 0, 1, Item::String),
    field("Value", 0, 1, Item::Fixed(8)),
    field("Remove", 0, 1, Item::Fixed(1)),
  ] };
#[rustfmt::skip]
static ALTER_CLIENT_QUOTAS_ENTRY_DATA: Shape = Shape {
  memory: 72, fields: &[
    array("Entity", 0, 1, Item::Struct(&ALTER_CLIENT_QUOTAS_ENTITY_DATA)),
    array("Ops", 0, 1, Item::Struct(&ALTER_CLIENT_QUOTAS_OP_DATA)),
  ] };
#[rustfmt::skip]
static ALTER_CLIENT_QUOTAS: Shape = Shape {
  memory: 56, fields: &[
    array("Entries", 0, 1, Item::Struct(&ALTER_CLIENT_QUOTAS_ENTRY_DATA)),
    field("ValidateOnly", 0, 1, Item::Fixed(1)),
  ] };
#[rustfmt::skip]
static ALTER_CLIENT_QUOTAS_REQUEST: Request = Request {
    key: 49, name: "AlterClientQuotasRequest", min: 0, max: 1, flexible: 1,
    unstable: false, body: &ALTER_CLIENT_QUOTAS,
};

#[rustfmt::skip]
static DESCRIBE_USER_SCRAM_CREDENTIALS_USER_NAME: Shape = Shape {
  memory: 56, fields: &[
    field("Name", 0, 0, Item::String),
  ] };
#[rustfmt::skip]
static DESCRIBE_USER_SCRAM_CREDENTIALS: Shape = Shape {
  memory: 48, fields: &[
    array("Users", 0, 0, Item::Struct(&DESCRIBE_USER_SCRAM_CREDENTIALS_USER_NAME)).nullable(0, 0),
  ] };
#[rustfmt::skip]
static DESCRIBE_USER_SCRAM_CREDENTIALS_REQUEST: Request = Request {
    key: 50, name: "DescribeUserScramCredentialsRequest", min: 0, max: 0, flexible: 0,
    unstable: false, body: &DESCRIBE_USER_SCRAM_CREDENTIALS,
};

#[rustfmt::skip]
static ALTER_USER_SCRAM_CREDENTIALS_SCRAM_CREDENTIAL_DELETION: Shape = Shape {
  memory: 64, fields: &[
    field("Name", 0, 0, Item::String),
    field("Mechanism", 0, 0, Item::Fixed(1)),
  ] };
#[rustfmt::skip]
static ALTER_USER_SCRAM_CREDENTIALS_SCRAM_CREDENTIAL_UPSERTION: Shape = Shape {
  memory: 128, fields: &[
    field("Name", 0, 0, Item::String),
    field("Mechanism", 0, 0, Item::Fixed(1)),
    field("Iterations", 0, 0, Item::Fixed(4)),
    field("Salt", 0, 0, Item::Bytes),
    field("SaltedPassword", 0, 0, Item::Bytes),
  ] };
#[rustfmt::skip]
static ALTER_USER_SCRAM_CREDENTIALS: Shape = Shape {
  memory: 72, fields: &[
    array("Deletions", 0, 0,
      Item::Struct(&ALTER_USER_SCRAM_CREDENTIALS_SCRAM_CREDENTIAL_DELETION)),
    array("Upsertions", 0, 0,
      Item::Struct(&ALTER_USER_SCRAM_CREDENTIALS_SCRAM_CREDENTIAL_UPSERTION)),
  ] };
#[rustfmt::skip]
static ALTER_USER_SCRAM_CREDENTIALS_REQUEST: Request = Request {
    key: 51, name: "AlterUserScramCredentialsRequest", min: 0, max: 0, flexible: 0,
    unstable: false, body: &ALTER_USER_SCRAM_CREDENTIALS,
};

#[rustfmt::skip]
static VOTE_PARTITION_DATA: Shape = Shape {
  memory: 88, fields: &[
    field("PartitionIndex", 0, 2, Item::Fixed(4)),
    field("ReplicaEpoch", 0, 2, Item::Fixed(4)),
    field("ReplicaId", 0, 2, Item::Fixed(4)),
    field("ReplicaDirectoryId", 1, 2, Item::Fixed(16)),
    field("VoterDirectoryId", 1, 2, Item::Fixed(16)),
    field("LastOffsetEpoch", 0, 2, Item::Fixed(4)),
    field("LastOffset", 0, 2, Item::Fixed(8)),
    field("PreVote", 2, 2, Item::Fixed(1)),
  ] };
#[rustfmt::skip]
static VOTE_TOPIC_DATA: Shape = Shape {
  memory: 80, fields: &[
    field("TopicName", 0, 2, Item::String),
    array("Partitions", 0, 2, Item::Struct(&VOTE_PARTITION_DATA)),
  ] };
#[rustfmt::skip]
static VOTE: Shape = Shape {
  memory: 88, fields: &[
    field("ClusterId", 0, 2, Item::String).nullable(0, 2),
    field("VoterId", 1, 2, Item::Fixed(4)),
    array("Topics", 0, 2, Item::Struct(&VOTE_TOPIC_DATA)),
  ] };
#[rustfmt::skip]
static VOTE_REQUEST: Request = Request {
    key: 52, name: "VoteRequest", min: 0, max: 2, flexible: 0,
    unstable: false, body: &VOTE,
};

#[rustfmt::skip]
static BEGIN_QUORUM_EPOCH_PARTITION_DATA: Shape = Shape {
  memory: 56, fields: &[
    field("PartitionIndex", 0, 1, Item::Fixed(4)),
    field("VoterDirectoryId", 1, 1, Item::Fixed(16)),
    field("LeaderId", 0, 1, Item::Fixed(4)),
    field("LeaderEpoch", 0, 1, Item::Fixed(4)),
  ] };
#[rustfmt::skip]
static BEGIN_QUORUM_EPOCH_TOPIC_DATA: Shape = Shape {
  memory: 80, fields: &[
    field("TopicName", 0, 1, Item::String),
    array("Partitions", 0, 1, Item::Struct(&BEGIN_QUORUM_EPOCH_PARTITION_DATA)),
  ] };
#[rustfmt::skip]
static BEGIN_QUORUM_EPOCH_LEADER_ENDPOINT: Shape = Shape {
  memory: 96, fields: &[
    field("Name", 1, 1, Item::String),
    field("Host", 1, 1, Item::String),
    field("Port", 1, 1, Item::Fixed(2)),
  ] };
#[rustfmt::skip]
static BEGIN_QUORUM_EPOCH: Shape = Shape {
  memory: 112, fields: &[
    field("ClusterId", 0, 1, Item::String).nullable(0, 1),
    field("VoterId", 1, 1, Item::Fixed(4)),
    array("Topics", 0, 1, Item::Struct(&BEGIN_QUORUM_EPOCH_TOPIC_DATA)),
    array("LeaderEndpoints", 1, 1, Item::Struct(&BEGIN_QUORUM_EPOCH_LEADER_ENDPOINT)),
  ] };
#[rustfmt::skip]
static BEGIN_QUORUM_EPOCH_REQUEST: Request = Request {
    key: 53, name: "BeginQuorumEpochRequest", min: 0, max: 1, flexible: 1,
    unstable: false, body: &BEGIN_QUORUM_EPOCH,
};

#[rustfmt::skip]
static END_QUORUM_EPOCH_REPLICA_INFO: Shape = Shape {
  memory: 48, fields: &[
    field("CandidateId", 1, 1, Item::Fixed(4)),
    field("CandidateDirectoryId", 1, 1, Item::Fixed(16)),
  ] };
#[rustfmt::skip]
static END_QUORUM_EPOCH_PARTITION_DATA: Shape = Shape {
  memory: 88, fields: &[
    field("PartitionIndex", 0, 1, Item::Fixed(4)),
    field("LeaderId", 0, 1, Item::Fixed(4)),
    field("LeaderEpoch", 0, 1, Item::Fixed(4)),
    array("PreferredSuccessors", 0, 0, Item::Fixed(4)),
    array("PreferredCandidates", 1, 1, Item::Struct(&END_QUORUM_EPOCH_REPLICA_INFO)),
  ] };
#[rustfmt::skip]
static END_QUORUM_EPOCH_TOPIC_DATA: Shape = Shape {
  memory: 80, fields: &[
    field("TopicName", 0, 1, Item::String),
    array("Partitions", 0, 1, Item::Struct(&END_QUORUM_EPOCH_PARTITION_DATA)),
  ] };
#[rustfmt::skip]
static END_QUORUM_EPOCH_LEADER_ENDPOINT: Shape = Shape {
  memory: 96, fields: &[
    field("Name", 1, 1, Item::String),
    field("Host", 1, 1, Item::String),
    field("Port", 1, 1, Item::Fixed(2)),
  ] };
#[rustfmt::skip]
static END_QUORUM_EPOCH: Shape = Shape {
  memory: 104, fields: &[
    field("ClusterId", 0, 1, Item::String).nullable(0, 1),
    array("Topics", 0, 1, Item::Struct(&END_QUORUM_EPOCH_TOPIC_DATA)),
    array("LeaderEndpoints", 1, 1, Item::Struct(&END_QUORUM_EPOCH_LEADER_ENDPOINT)),
  ] };
#[rustfmt::skip]
static END_QUORUM_EPOCH_REQUEST: Request = Request {
    key: 54, name: "EndQuorumEpochRequest", min: 0, max: 1, flexible: 1,
    unstable: false, body: &END_QUORUM_EPOCH,
};

#[rustfmt::skip]
static DESCRIBE_QUORUM_PARTITION_DATA: Shape = Shape {
  memory: 32, fields: &[
    field("PartitionIndex", 0, 2, Item::Fixed(4)),
  ] };
#[rustfmt::skip]
static DESCRIBE_QUORUM_TOPIC_DATA: Shape = Shape {
  memory: 80, fields: &[
    field("TopicName", 0, 2, Item::String),
    array("Partitions", 0, 2, Item::Struct(&DESCRIBE_QUORUM_PARTITION_DATA)),
  ] };
#[rustfmt::skip]
static DESCRIBE_QUORUM: Shape = Shape {
  memory: 48, fields: &[
    array("Topics", 0, 2, Item::Struct(&DESCRIBE_QUORUM_TOPIC_DATA)),
  ] };
#[rustfmt::skip]
static DESCRIBE_QUORUM_REQUEST: Request = Request {
    key: 55, name: "DescribeQuorumRequest", min: 0, max: 2, flexible: 0,
    unstable: false, body: &DESCRIBE_QUORUM,
};

#[rustfmt::skip]
static ALTER_PARTITION_BROKER_STATE: Shape = Shape {
  memory: 40, fields: &[
    field("BrokerId", 3, 3, Item::Fixed(4)),
    field("BrokerEpoch", 3, 3, Item::Fixed(8)),
  ] };
#[rustfmt::skip]
static ALTER_PARTITION_PARTITION_DATA: Shape = Shape {
  memory: 88, fields: &[
    field("PartitionIndex", 2, 3, Item::Fixed(4)),
    field("LeaderEpoch", 2, 3, Item::Fixed(4)),
    array("NewIsr", 2, 2, Item::Fixed(4)),
    array("NewIsrWithEpochs", 3, 3, Item::Struct(&ALTER_PARTITION_BROKER_STATE)),
    field("LeaderRecoveryState", 2, 3, Item::Fixed(1)),
    field("PartitionEpoch", 2, 3, Item::Fixed(4)),
  ] };
#[rustfmt::skip]
static ALTER_PARTITION_TOPIC_DATA: Shape = Shape {
  memory: 64, fields: &[
    field("TopicId", 2, 3, Item::Fixed(16)),
    array("Partitions", 2, 3, Item::Struct(&ALTER_PARTITION_PARTITION_DATA)),
  ] };
#[rustfmt::skip]
static ALTER_PARTITION: Shape = Shape {
  memory: 64, fields: &[
    field("BrokerId", 2, 3, Item::Fixed(4)),
    field("BrokerEpoch", 2, 3, Item::Fixed(8)),
    array("Topics", 2, 3, Item::Struct(&ALTER_PARTITION_TOPIC_DATA)),
  ] };
#[rustfmt::skip]
static ALTER_PARTITION_REQUEST: Request = Request {
    key: 56, name: "AlterPartitionRequest", min: 2, max: 3, flexible: 2,
    unstable: false, body: &ALTER_PARTITION,
};

#[rustfmt::skip]
static UPDATE_FEATURES_FEATURE_UPDATE_KEY: Shape = Shape {
  memory: 64, fields: &[
    field("Feature", 0, 2, Item::String),
    field("MaxVersionLevel", 0, 2, Item::Fixed(2)),
    field("AllowDowngrade", 0, 0, Item::Fixed(1)),
    field("UpgradeType", 1, 2, Item::Fixed(1)),
  ] };
#[rustfmt::skip]
static UPDATE_FEATURES: Shape = Shape {
  memory: 56, fields: &[
    field("timeoutMs", 0, 2, Item::Fixed(4)),
    array("FeatureUpdates", 0, 2, Item::Struct(&UPDATE_FEATURES_FEATURE_UPDATE_KEY)),
    field("ValidateOnly", 1, 2, Item::Fixed(1)),
  ] };
#[rustfmt::skip]
static UPDATE_FEATURES_REQUEST: Request = Request {
    key: 57, name: "UpdateFeaturesRequest", min: 0, max: 2, flexible: 0,
    unstable: false, body: &UPDATE_FEATURES,
};

#[rustfmt::skip]
static ENVELOPE: Shape = Shape {
  memory: 120, fields: &[
    field("RequestData", 0, 0, Item::Bytes),
    field("RequestPrincipal", 0, 0, Item::Bytes).nullable(0, 0),
    field("ClientHostAddress", 0, 0, Item::Bytes),
  ] };
#[rustfmt::skip]
static ENVELOPE_REQUEST: Request = Request {
    key: 58, name: "EnvelopeRequest", min: 0, max: 0, flexible: 0,
    unstable: false, body: &ENVELOPE,
};

#[rustfmt::skip]
static FETCH_SNAPSHOT_SNAPSHOT_ID: Shape = Shape {
  memory: 40, fields: &[
    field("EndOffset", 0, 1, Item::Fixed(8)),
    field("Epoch", 0, 1, Item::Fixed(4)),
  ] };
#[rustfmt::skip]
static FETCH_SNAPSHOT_PARTITION_SNAPSHOT: Shape = Shape {
  memory: 96, fields: &[
    field("Partition", 0, 1, Item::Fixed(4)),
    field("CurrentLeaderEpoch", 0, 1, Item::Fixed(4)),
    field("SnapshotId", 0, 1, Item::Struct(&FETCH_SNAPSHOT_SNAPSHOT_ID)),
    field("Position", 0, 1, Item::Fixed(8)),
    field("ReplicaDirectoryId", 1, 1, Item::Fixed(16)).tagged(0, 1, 1),
  ] };
#[rustfmt::skip]
static FETCH_SNAPSHOT_TOPIC_SNAPSHOT: Shape = Shape {
  memory: 80, fields: &[
    field("Name", 0, 1, Item::String),
    array("Partitions", 0, 1, Item::Struct(&FETCH_SNAPSHOT_PARTITION_SNAPSHOT)),
  ] };
#[rustfmt::skip]
static FETCH_SNAPSHOT: Shape = Shape {
  memory: 88, fields: &[
    field("ClusterId", 0, 1, Item::String).nullable(0, 1).tagged(0, 0, 1),
    field("ReplicaId", 0, 1, Item::Fixed(4)),
    field("MaxBytes", 0, 1, Item::Fixed(4)),
    array("Topics", 0, 1, Item::Struct(&FETCH_SNAPSHOT_TOPIC_SNAPSHOT)),
  ] };
#[rustfmt::skip]
static FETCH_SNAPSHOT_REQUEST: Request = Request {
    key: 59, name: "FetchSnapshotRequest", min: 0, max: 1, flexible: 0,
    unstable: false, body: &FETCH_SNAPSHOT,
};

#[rustfmt::skip]
static DESCRIBE_CLUSTER: Shape = Shape {
  memory: 32, fields: &[
    field("IncludeClusterAuthorizedOperations", 0, 2, Item::Fixed(1)),
    field("EndpointType", 1, 2, Item::Fixed(1)),
    field("IncludeFencedBrokers", 2, 2, Item::Fixed(1)),
  ] };
#[rustfmt::skip]
static DESCRIBE_CLUSTER_REQUEST: Request = Request {
    key: 60, name: "DescribeClusterRequest", min: 0, max: 2, flexible: 0,
    unstable: false, body: &DESCRIBE_CLUSTER,
};

#[rustfmt::skip]
static DESCRIBE_PRODUCERS_TOPIC_REQUEST: Shape = Shape {
  memory: 80, fields: &[
    field("Name", 0, 0, Item::String),
    array("PartitionIndexes", 0, 0, Item::Fixed(4)),
  ] };
#[rustfmt::skip]
static DESCRIBE_PRODUCERS: Shape = Shape {
  memory: 48, fields: &[
    array("Topics", 0, 0, Item::Struct(&DESCRIBE_PRODUCERS_TOPIC_REQUEST)),
  ] };
#[rustfmt::skip]
static DESCRIBE_PRODUCERS_REQUEST: Request = Request {
    key: 61, name: "DescribeProducersRequest", min: 0, max: 0, flexible: 0,
    unstable: false, body: &DESCRIBE_PRODUCERS,
};

#[rustfmt::skip]
static BROKER_REGISTRATION_LISTENER: Shape = Shape {
  memory: 96, fields: &[
    field("Name", 0, 4, Item::String),
    field("Host", 0, 4, Item::String),
    field("Port", 0, 4, Item::Fixed(2)),
    field("SecurityProtocol", 0, 4, Item::Fixed(2)),
  ] };
#[rustfmt::skip]
static BROKER_REGISTRATION_FEATURE: Shape = Shape {
  memory: 64, fields: &[
    field("Name", 0, 4, Item::String),
    field("MinSupportedVersion", 0, 4, Item::Fixed(2)),
    field("MaxSupportedVersion", 0, 4, Item::Fixed(2)),
  ] };
#[rustfmt::skip]
static BROKER_REGISTRATION: Shape = Shape {
  memory: 192, fields: &[
    field("BrokerId", 0, 4, Item::Fixed(4)),
    field("ClusterId", 0, 4, Item::String),
    field("IncarnationId", 0, 4, Item::Fixed(16)),
    array("Listeners", 0, 4, Item::Struct(&BROKER_REGISTRATION_LISTENER)),
    array("Features", 0, 4, Item::Struct(&BROKER_REGISTRATION_FEATURE)),
    field("Rack", 0, 4, Item::String).nullable(0, 4),
    field("IsMigratingZkBroker", 1, 4, Item::Fixed(1)),
    array("LogDirs", 2, 4, Item::Fixed(16)),
    field("PreviousBrokerEpoch", 3, 4, Item::Fixed(8)),
  ] };
#[rustfmt::skip]
static BROKER_REGISTRATION_REQUEST: Request = Request {
    key: 62, name: "BrokerRegistrationRequest", min: 0, max: 4, flexible: 0,
    unstable: false, body: &BROKER_REGISTRATION,
};

#[rustfmt::skip]
static BROKER_HEARTBEAT: Shape = Shape {
  memory: 96, fields: &[
    field("BrokerId", 0, 2, Item::Fixed(4)),
    field("BrokerEpoch", 0, 2, Item::Fixed(8)),
    field("CurrentMetadataOffset", 0, 2, Item::Fixed(8)),
    field("WantFence", 0, 2, Item::Fixed(1)),
    field("WantShutDown", 0, 2, Item::Fixed(1)),
    array("OfflineLogDirs", 1, 2, Item::Fixed(16)).tagged(0, 1, 2),
    array("CordonedLogDirs", 2, 2, Item::Fixed(16)).nullable(2, 2).tagged(1, 2, 2),
  ] };
#[rustfmt::skip]
static BROKER_HEARTBEAT_REQUEST: Request = Request {
    key: 63, name: "BrokerHeartbeatRequest", min: 0, max: 2, flexible: 0,
    unstable: false, body: &BROKER_HEARTBEAT,
};

#[rustfmt::skip]
static UNREGISTER_BROKER: Shape = Shape {
  memory: 32, fields: &[
    field("BrokerId", 0, 0, Item::Fixed(4)),
  ] };
#[rustfmt::skip]
static UNREGISTER_BROKER_REQUEST: Request = Request {
    key: 64, name: "UnregisterBrokerRequest", min: 0, max: 0, flexible: 0,
    unstable: false, body: &UNREGISTER_BROKER,
};

#[rustfmt::skip]
static DESCRIBE_TRANSACTIONS: Shape = Shape {
  memory: 48, fields: &[
    array("TransactionalIds", 0, 0, Item::String),
  ] };
#[rustfmt::skip]
static DESCRIBE_TRANSACTIONS_REQUEST: Request = Request {
    key: 65, name: "DescribeTransactionsRequest", min: 0, max: 0, flexible: 0,
    unstable: false, body: &DESCRIBE_TRANSACTIONS,
};

#[rustfmt::skip]
static LIST_TRANSACTIONS: Shape = Shape {
  memory: 112, fields: &[
    array("StateFilters", 0, 2, Item::String),
    array("ProducerIdFilters", 0, 2, Item::Fixed(8)),
    field("DurationFilter", 1, 2, Item::Fixed(8)),
    field("TransactionalIdPattern", 2, 2, Item::String).nullable(2, 2),
  ] };
#[rustfmt::skip]
static LIST_TRANSACTIONS_REQUEST: Request = Request {
    key: 66, name: "ListTransactionsRequest", min: 0, max: 2, flexible: 0,
    unstable: false, body: &LIST_TRANSACTIONS,
};

#[rustfmt::skip]
static ALLOCATE_PRODUCER_IDS: Shape = Shape {
  memory: 40, fields: &[
    field("BrokerId", 0, 0, Item::Fixed(4)),
    field("BrokerEpoch", 0, 0, Item::Fixed(8)),
  ] };
#[rustfmt::skip]
static ALLOCATE_PRODUCER_IDS_REQUEST: Request = Request {
    key: 67, name: "AllocateProducerIdsRequest", min: 0, max: 0, flexible: 0,
    unstable: false, body: &ALLOCATE_PRODUCER_IDS,
};

#[rustfmt::skip]
static CONSUMER_GROUP_HEARTBEAT_TOPIC_PARTITIONS: Shape = Shape {
  memory: 64, fields: &[
    field("TopicId", 0, 1, Item::Fixed(16)),
    array("Partitions", 0, 1, Item::Fixed(4)),
  ] };
#[rustfmt::skip]
static CONSUMER_GROUP_HEARTBEAT: Shape = Shape {
  memory: 272, fields: &[
    field("GroupId", 0, 1, Item::String),
    field("MemberId", 0, 1, Item::String),
    field("MemberEpoch", 0, 1, Item::Fixed(4)),
    field("InstanceId", 0, 1, Item::String).nullable(0, 1),
    field("RackId", 0, 1, Item::String).nullable(0, 1),
    field("RebalanceTimeoutMs", 0, 1, Item::Fixed(4)),
    array("SubscribedTopicNames", 0, 1, Item::String).nullable(0, 1),
    field("SubscribedTopicRegex", 1, 1, Item::String).nullable(1, 1),
    field("ServerAssignor", 0, 1, Item::String).nullable(0, 1),
    array("TopicPartitions", 0, 1,
      Item::Struct(&CONSUMER_GROUP_HEARTBEAT_TOPIC_PARTITIONS)).nullable(0, 1),
  ] };
#[rustfmt::skip]
static CONSUMER_GROUP_HEARTBEAT_REQUEST: Request = Request {
    key: 68, name: "ConsumerGroupHeartbeatRequest", min: 0, max: 1, flexible: 0,
    unstable: false, body: &CONSUMER_GROUP_HEARTBEAT,
};

#[rustfmt::skip]
static CONSUMER_GROUP_DESCRIBE: Shape = Shape {
  memory: 56, fields: &[
    array("GroupIds", 0, 1, Item::String),
    field("IncludeAuthorizedOperations", 0, 1, Item::Fixed(1)),
  ] };
#[rustfmt::skip]
static CONSUMER_GROUP_DESCRIBE_REQUEST: Request = Request {
    key: 69, name: "ConsumerGroupDescribeRequest", min: 0, max: 1, flexible: 0,
    unstable: false, body: &CONSUMER_GROUP_DESCRIBE,
};

#[rustfmt::skip]
static CONTROLLER_REGISTRATION_LISTENER: Shape = Shape {
  memory: 96, fields: &[
    field("Name", 0, 0, Item::String),
    field("Host", 0, 0, Item::String),
    field("Port", 0, 0, Item::Fixed(2)),
    field("SecurityProtocol", 0, 0, Item::Fixed(2)),
  ] };
#[rustfmt::skip]
static CONTROLLER_REGISTRATION_FEATURE: Shape = Shape {
  memory: 64, fields: &[
    field("Name", 0, 0, Item::String),
    field("MinSupportedVersion", 0, 0, Item::Fixed(2)),
    field("MaxSupportedVersion", 0, 0, Item::Fixed(2)),
  ] };
#[rustfmt::skip]
static CONTROLLER_REGISTRATION: Shape = Shape {
  memory: 96, fields: &[
    field("ControllerId", 0, 0, Item::Fixed(4)),
    field("IncarnationId", 0, 0, Item::Fixed(16)),
    field("ZkMigrationReady", 0, 0, Item::Fixed(1)),
    array("Listeners", 0, 0, Item::Struct(&CONTROLLER_REGISTRATION_LISTENER)),
    array("Features", 0, 0, Item::Struct(&CONTROLLER_REGISTRATION_FEATURE)),
  ] };
#[rustfmt::skip]
static CONTROLLER_REGISTRATION_REQUEST: Request = Request {
    key: 70, name: "ControllerRegistrationRequest", min: 0, max: 0, flexible: 0,
    unstable: false, body: &CONTROLLER_REGISTRATION,
};

#[rustfmt::skip]
static GET_TELEMETRY_SUBSCRIPTIONS: Shape = Shape {
  memory: 40, fields: &[
    field("ClientInstanceId", 0, 0, Item::Fixed(16)),
  ] };
#[rustfmt::skip]
static GET_TELEMETRY_SUBSCRIPTIONS_REQUEST: Request = Request {
    key: 71, name: "GetTelemetrySubscriptionsRequest", min: 0, max: 0, flexible: 0,
    unstable: false, body: &GET_TELEMETRY_SUBSCRIPTIONS,
};

#[rustfmt::skip]
static PUSH_TELEMETRY: Shape = Shape {
  memory: 80, fields: &[
    field("ClientInstanceId", 0, 0, Item::Fixed(16)),
    field("SubscriptionId", 0, 0, Item::Fixed(4)),
    field("Terminating", 0, 0, Item::Fixed(1)),
    field("CompressionType", 0, 0, Item::Fixed(1)),
    field("Metrics", 0, 0, Item::Bytes),
  ] };
#[rustfmt::skip]
static PUSH_TELEMETRY_REQUEST: Request = Request {
    key: 72, name: "PushTelemetryRequest", min: 0, max: 0, flexible: 0,
    unstable: false, body: &PUSH_TELEMETRY,
};

#[rustfmt::skip]
static ASSIGN_REPLICAS_TO_DIRS_PARTITION_DATA: Shape = Shape {
  memory: 32, fields: &[
    field("PartitionIndex", 0, 0, Item::Fixed(4)),
  ] };
#[rustfmt::skip]
static ASSIGN_REPLICAS_TO_DIRS_TOPIC_DATA: Shape = Shape {
  memory: 64, fields: &[
    field("TopicId", 0, 0, Item::Fixed(16)),
    array("Partitions", 0, 0, Item::Struct(&ASSIGN_REPLICAS_TO_DIRS_PARTITION_DATA)),
  ] };
#[rustfmt::skip]
static ASSIGN_REPLICAS_TO_DIRS_DIRECTORY_DATA: Shape = Shape {
  memory: 64, fields: &[
    field("Id", 0, 0, Item::Fixed(16)),
    array("Topics", 0, 0, Item::Struct(&ASSIGN_REPLICAS_TO_DIRS_TOPIC_DATA)),
  ] };
#[rustfmt::skip]
static ASSIGN_REPLICAS_TO_DIRS: Shape = Shape {
  memory: 64, fields: &[
    field("BrokerId", 0, 0, Item::Fixed(4)),
    field("BrokerEpoch", 0, 0, Item::Fixed(8)),
    array("Directories", 0, 0, Item::Struct(&ASSIGN_REPLICAS_TO_DIRS_DIRECTORY_DATA)),
  ] };
#[rustfmt::skip]
static ASSIGN_REPLICAS_TO_DIRS_REQUEST: Request = Request {
    key: 73, name: "AssignReplicasToDirsRequest", min: 0, max: 0, flexible: 0,
    unstable: false, body: &ASSIGN_REPLICAS_TO_DIRS,
};

#[rustfmt::skip]
static LIST_CONFIG_RESOURCES: Shape = Shape {
  memory: 48, fields: &[
    array("ResourceTypes", 1, 1, Item::Fixed(1)),
  ] };
#[rustfmt::skip]
static LIST_CONFIG_RESOURCES_REQUEST: Request = Request {
    key: 74, name: "ListConfigResourcesRequest", min: 0, max: 1, flexible: 0,
    unstable: false, body: &LIST_CONFIG_RESOURCES,
};

#[rustfmt::skip]
static DESCRIBE_TOPIC_PARTITIONS_TOPIC_REQUEST: Shape = Shape {
  memory: 56, fields: &[
    field("Name", 0, 0, Item::String),
  ] };
#[rustfmt::skip]
static DESCRIBE_TOPIC_PARTITIONS_CURSOR: Shape = Shape {
  memory: 64, fields: &[
    field("TopicName", 0, 0, Item::String),
    field("PartitionIndex", 0, 0, Item::Fixed(4)),
  ] };
#[rustfmt::skip]
static DESCRIBE_TOPIC_PARTITIONS: Shape = Shape {
  memory: 128, fields: &[
    array("Topics", 0, 0, Item::Struct(&DESCRIBE_TOPIC_PARTITIONS_TOPIC_REQUEST)),
    field("ResponsePartitionLimit", 0, 0, Item::Fixed(4)),
    field("Cursor", 0, 0, Item::Struct(&DESCRIBE_TOPIC_PARTITIONS_CURSOR)).nullable(0, 0),
  ] };
#[rustfmt::skip]
static DESCRIBE_TOPIC_PARTITIONS_REQUEST: Request = Request {
    key: 75, name: "DescribeTopicPartitionsRequest", min: 0, max: 0, flexible: 0,
    unstable: false, body: &DESCRIBE_TOPIC_PARTITIONS,
};

#[rustfmt::skip]
static SHARE_GROUP_HEARTBEAT: Shape = Shape {
  memory: 152, fields: &[
    field("GroupId", 1, 1, Item::String),
    field("MemberId", 1, 1, Item::String),
    field("MemberEpoch", 1, 1, Item::Fixed(4)),
    field("RackId", 1, 1, Item::String).nullable(1, 1),
    array("SubscribedTopicNames", 1, 1, Item::String).nullable(1, 1),
  ] };
#[rustfmt::skip]
static SHARE_GROUP_HEARTBEAT_REQUEST: Request = Request {
    key: 76, name: "ShareGroupHeartbeatRequest", min: 1, max: 1, flexible: 1,
    unstable: false, body: &SHARE_GROUP_HEARTBEAT,
};

#[rustfmt::skip]
static SHARE_GROUP_DESCRIBE: Shape = Shape {
  memory: 56, fields: &[
    array("GroupIds", 1, 1, Item::String),
    field("IncludeAuthorizedOperations", 1, 1, Item::Fixed(1)),
  ] };
#[rustfmt::skip]
static SHARE_GROUP_DESCRIBE_REQUEST: Request = Request {
    key: 77, name: "ShareGroupDescribeRequest", min: 1, max: 1, flexible: 1,
    unstable: false, body: &SHARE_GROUP_DESCRIBE,
};

#[rustfmt::skip]
static SHARE_FETCH_ACKNOWLEDGEMENT_BATCH: Shape = Shape {
  memory: 64, fields: &[
    field("FirstOffset", 1, 2, Item::Fixed(8)),
    field("LastOffset", 1, 2, Item::Fixed(8)),
    array("AcknowledgeTypes", 1, 2, Item::Fixed(1)),
  ] };
#[rustfmt::skip]
static SHARE_FETCH_FETCH_PARTITION: Shape = Shape {
  memory: 56, fields: &[
    field("PartitionIndex", 1, 2, Item::Fixed(4)),
    array("AcknowledgementBatches", 1, 2, Item::Struct(&SHARE_FETCH_ACKNOWLEDGEMENT_BATCH)),
  ] };
#[rustfmt::skip]
static SHARE_FETCH_FETCH_TOPIC: Shape = Shape {
  memory: 64, fields: &[
    field("TopicId", 1, 2, Item::Fixed(16)),
    array("Partitions", 1, 2, Item::Struct(&SHARE_FETCH_FETCH_PARTITION)),
  ] };
#[rustfmt::skip]
static SHARE_FETCH_FORGOTTEN_TOPIC: Shape = Shape {
  memory: 64, fields: &[
    field("TopicId", 1, 2, Item::Fixed(16)),
    array("Partitions", 1, 2, Item::Fixed(4)),
  ] };
#[rustfmt::skip]
static SHARE_FETCH: Shape = Shape {
  memory: 168, fields: &[
    field("GroupId", 1, 2, Item::String).nullable(1, 2),
    field("MemberId", 1, 2, Item::String).nullable(1, 2),
    field("ShareSessionEpoch", 1, 2, Item::Fixed(4)),
    field("MaxWaitMs", 1, 2, Item::Fixed(4)),
    field("MinBytes", 1, 2, Item::Fixed(4)),
    field("MaxBytes", 1, 2, Item::Fixed(4)),
    field("MaxRecords", 1, 2, Item::Fixed(4)),
    field("BatchSize", 1, 2, Item::Fixed(4)),
    field("ShareAcquireMode", 2, 2, Item::Fixed(1)),
    field("IsRenewAck", 2, 2, Item::Fixed(1)),
    array("Topics", 1, 2, Item::Struct(&SHARE_FETCH_FETCH_TOPIC)),
    array("ForgottenTopicsData", 1, 2, Item::Struct(&SHARE_FETCH_FORGOTTEN_TOPIC)),
  ] };
#[rustfmt::skip]
static SHARE_FETCH_REQUEST: Request = Request {
    key: 78, name: "ShareFetchRequest", min: 1, max: 2, flexible: 1,
    unstable: false, body: &SHARE_FETCH,
};

#[rustfmt::skip]
static SHARE_ACKNOWLEDGE_ACKNOWLEDGEMENT_BATCH: Shape = Shape {
  memory: 64, fields: &[
    field("FirstOffset", 1, 2, Item::Fixed(8)),
    field("LastOffset", 1, 2, Item::Fixed(8)),
    array("AcknowledgeTypes", 1, 2, Item::Fixed(1)),
  ] };
#[rustfmt::skip]
static SHARE_ACKNOWLEDGE_ACKNOWLEDGE_PARTITION: Shape = Shape {
  memory: 56, fields: &[
    field("PartitionIndex", 1, 2, Item::Fixed(4)),
    array("AcknowledgementBatches", 1, 2, Item::Struct(&SHARE_ACKNOWLEDGE_ACKNOWLEDGEMENT_BATCH)),
  ] };
#[rustfmt::skip]
static SHARE_ACKNOWLEDGE_ACKNOWLEDGE_TOPIC: Shape = Shape {
  memory: 64, fields: &[
    field("TopicId", 1, 2, Item::Fixed(16)),
    array("Partitions", 1, 2, Item::Struct(&SHARE_ACKNOWLEDGE_ACKNOWLEDGE_PARTITION)),
  ] };
#[rustfmt::skip]
static SHARE_ACKNOWLEDGE: Shape = Shape {
  memory: 120, fields: &[
    field("GroupId", 1, 2, Item::String).nullable(1, 2),
    field("MemberId", 1, 2, Item::String).nullable(1, 2),
    field("ShareSessionEpoch", 1, 2, Item::Fixed(4)),
    field("IsRenewAck", 2, 2, Item::Fixed(1)),
    array("Topics", 1, 2, Item::Struct(&SHARE_ACKNOWLEDGE_ACKNOWLEDGE_TOPIC)),
  ] };
#[rustfmt::skip]
static SHARE_ACKNOWLEDGE_REQUEST: Request = Request {
    key: 79, name: "ShareAcknowledgeRequest", min: 1, max: 2, flexible: 1,
    unstable: false, body: &SHARE_ACKNOWLEDGE,
};

#[rustfmt::skip]
static ADD_RAFT_VOTER_LISTENER: Shape = Shape {
  memory: 96, fields: &[
    field("Name", 0, 1, Item::String),
    field("Host", 0, 1, Item::String),
    field("Port", 0, 1, Item::Fixed(2)),
  ] };
#[rustfmt::skip]
static ADD_RAFT_VOTER: Shape = Shape {
  memory: 112, fields: &[
    field("ClusterId", 0, 1, Item::String).nullable(0, 1),
    field("TimeoutMs", 0, 1, Item::Fixed(4)),
    field("VoterId", 0, 1, Item::Fixed(4)),
    field("VoterDirectoryId", 0, 1, Item::Fixed(16)),
    array("Listeners", 0, 1, Item::Struct(&ADD_RAFT_VOTER_LISTENER)),
    field("AckWhenCommitted", 1, 1, Item::Fixed(1)),
  ] };
#[rustfmt::skip]
static ADD_RAFT_VOTER_REQUEST: Request = Request {
    key: 80, name: "AddRaftVoterRequest", min: 0, max: 1, flexible: 0,
    unstable: false, body: &ADD_RAFT_VOTER,
};

#[rustfmt::skip]
static REMOVE_RAFT_VOTER: Shape = Shape {
  memory: 80, fields: &[
    field("ClusterId", 0, 0, Item::String).nullable(0, 0),
    field("VoterId", 0, 0, Item::Fixed(4)),
    field("VoterDirectoryId", 0, 0, Item::Fixed(16)),
  ] };
#[rustfmt::skip]
static REMOVE_RAFT_VOTER_REQUEST: Request = Request {
    key: 81, name: "RemoveRaftVoterRequest", min: 0, max: 0, flexible: 0,
    unstable: false, body: &REMOVE_RAFT_VOTER,
};

#[rustfmt::skip]
static UPDATE_RAFT_VOTER_LISTENER: Shape = Shape {
  memory: 96, fields: &[
    field("Name", 0, 0, Item::String),
    field("Host", 0, 0, Item::String),
    field("Port", 0, 0, Item::Fixed(2)),
  ] };
#[rustfmt::skip]
static UPDATE_RAFT_VOTER_KRAFT_VERSION_FEATURE: Shape = Shape {
  memory: 32, fields: &[
    field("MinSupportedVersion", 0, 0, Item::Fixed(2)),
    field("MaxSupportedVersion", 0, 0, Item::Fixed(2)),
  ] };
#[rustfmt::skip]
static UPDATE_RAFT_VOTER: Shape = Shape {
  memory: 136, fields: &[
    field("ClusterId", 0, 0, Item::String).nullable(0, 0),
    field("CurrentLeaderEpoch", 0, 0, Item::Fixed(4)),
    field("VoterId", 0, 0, Item::Fixed(4)),
    field("VoterDirectoryId", 0, 0, Item::Fixed(16)),
    array("Listeners", 0, 0, Item::Struct(&UPDATE_RAFT_VOTER_LISTENER)),
    field("KRaftVersionFeature", 0, 0, Item::Struct(&UPDATE_RAFT_VOTER_KRAFT_VERSION_FEATURE)),
  ] };
#[rustfmt::skip]
static UPDATE_RAFT_VOTER_REQUEST: Request = Request {
    key: 82, name: "UpdateRaftVoterRequest", min: 0, max: 0, flexible: 0,
    unstable: false, body: &UPDATE_RAFT_VOTER,
};

#[rustfmt::skip]
static INITIALIZE_SHARE_GROUP_STATE_PARTITION_DATA: Shape = Shape {
  memory: 40, fields: &[
    field("Partition", 0, 0, Item::Fixed(4)),
    field("StateEpoch", 0, 0, Item::Fixed(4)),
    field("StartOffset", 0, 0, Item::Fixed(8)),
  ] };
#[rustfmt::skip]
static INITIALIZE_SHARE_GROUP_STATE_INITIALIZE_STATE_DATA: Shape = Shape {
  memory: 64, fields: &[
    field("TopicId", 0, 0, Item::Fixed(16)),
    array("Partitions", 0, 0, Item::Struct(&INITIALIZE_SHARE_GROUP_STATE_PARTITION_DATA)),
  ] };
#[rustfmt::skip]
static INITIALIZE_SHARE_GROUP_STATE: Shape = Shape {
  memory: 80, fields: &[
    field("GroupId", 0, 0, Item::String),
    array("Topics", 0, 0, Item::Struct(&INITIALIZE_SHARE_GROUP_STATE_INITIALIZE_STATE_DATA)),
  ] };
#[rustfmt::skip]
static INITIALIZE_SHARE_GROUP_STATE_REQUEST: Request = Request {
    key: 83, name: "InitializeShareGroupStateRequest", min: 0, max: 0, flexible: 0,
    unstable: false, body: &INITIALIZE_SHARE_GROUP_STATE,
};

#[rustfmt::skip]
static READ_SHARE_GROUP_STATE_PARTITION_DATA: Shape = Shape {
  memory: 32, fields: &[
    field("Partition", 0, 0, Item::Fixed(4)),
    field("LeaderEpoch", 0, 0, Item::Fixed(4)),
  ] };
#[rustfmt::skip]
static READ_SHARE_GROUP_STATE_READ_STATE_DATA: Shape = Shape {
  memory: 64, fields: &[
    field("TopicId", 0, 0, Item::Fixed(16)),
    array("Partitions", 0, 0, Item::Struct(&READ_SHARE_GROUP_STATE_PARTITION_DATA)),
  ] };
#[rustfmt::skip]
static READ_SHARE_GROUP_STATE: Shape = Shape {
  memory: 80, fields: &[
    field("GroupId", 0, 0, Item::String),
    array("Topics", 0, 0, Item::Struct(&READ_SHARE_GROUP_STATE_READ_STATE_DATA)),
  ] };
#[rustfmt::skip]
static READ_SHARE_GROUP_STATE_REQUEST: Request = Request {
    key: 84, name: "ReadShareGroupStateRequest", min: 0, max: 0, flexible: 0,
    unstable: false, body: &READ_SHARE_GROUP_STATE,
};

#[rustfmt::skip]
static WRITE_SHARE_GROUP_STATE_STATE_BATCH: Shape = Shape {
  memory: 48, fields: &[
    field("FirstOffset", 0, 1, Item::Fixed(8)),
    field("LastOffset", 0, 1, Item::Fixed(8)),
    field("DeliveryState", 0, 1, Item::Fixed(1)),
    field("DeliveryCount", 0, 1, Item::Fixed(2)),
  ] };
#[rustfmt::skip]
static WRITE_SHARE_GROUP_STATE_PARTITION_DATA: Shape = Shape {
  memory: 72, fields: &[
    field("Partition", 0, 1, Item::Fixed(4)),
    field("StateEpoch", 0, 1, Item::Fixed(4)),
    field("LeaderEpoch", 0, 1, Item::Fixed(4)),
    field("StartOffset", 0, 1, Item::Fixed(8)),
    field("DeliveryCompleteCount", 1, 1, Item::Fixed(4)),
    array("StateBatches", 0, 1, Item::Struct(&WRITE_SHARE_GROUP_STATE_STATE_BATCH)),
  ] };
#[rustfmt::skip]
static WRITE_SHARE_GROUP_STATE_WRITE_STATE_DATA: Shape = Shape {
  memory: 64, fields: &[
    field("TopicId", 0, 1, Item::Fixed(16)),
    array("Partitions", 0, 1, Item::Struct(&WRITE_SHARE_GROUP_STATE_PARTITION_DATA)),
  ] };
#[rustfmt::skip]
static WRITE_SHARE_GROUP_STATE: Shape = Shape {
  memory: 80, fields: &[
    field("GroupId", 0, 1, Item::String),
    array("Topics", 0, 1, Item::Struct(&WRITE_SHARE_GROUP_STATE_WRITE_STATE_DATA)),
  ] };
#[rustfmt::skip]
static WRITE_SHARE_GROUP_STATE_REQUEST: Request = Request {
    key: 85, name: "WriteShareGroupStateRequest", min: 0, max: 1, flexible: 0,
    unstable: false, body: &WRITE_SHARE_GROUP_STATE,
};

#[rustfmt::skip]
static DELETE_SHARE_GROUP_STATE_PARTITION_DATA: Shape = Shape {
  memory: 32, fields: &[
    field("Partition", 0, 0, Item::Fixed(4)),
  ] };
#[rustfmt::skip]
static DELETE_SHARE_GROUP_STATE_DELETE_STATE_DATA: Shape = Shape {
  memory: 64, fields: &[
    field("TopicId", 0, 0, Item::Fixed(16)),
    array("Partitions", 0, 0, Item::Struct(&DELETE_SHARE_GROUP_STATE_PARTITION_DATA)),
  ] };
#[rustfmt::skip]
static DELETE_SHARE_GROUP_STATE: Shape = Shape {
  memory: 80, fields: &[
    field("GroupId", 0, 0, Item::String),
    array("Topics", 0, 0, Item::Struct(&DELETE_SHARE_GROUP_STATE_DELETE_STATE_DATA)),
  ] };
#[rustfmt::skip]
static DELETE_SHARE_GROUP_STATE_REQUEST: Request = Request {
    key: 86, name: "DeleteShareGroupStateRequest", min: 0, max: 0, flexible: 0,
    unstable: false, body: &DELETE_SHARE_GROUP_STATE,
};

#[rustfmt::skip]
static READ_SHARE_GROUP_STATE_SUMMARY_PARTITION_DATA: Shape = Shape {
  memory: 32, fields: &[
    field("Partition", 0, 1, Item::Fixed(4)),
    field("LeaderEpoch", 0, 1, Item::Fixed(4)),
  ] };
#[rustfmt::skip]
static READ_SHARE_GROUP_STATE_SUMMARY_READ_STATE_SUMMARY_DATA: Shape = Shape {
  memory: 64, fields: &[
    field("TopicId", 0, 1, Item::Fixed(16)),
    array("Partitions", 0, 1, Item::Struct(&READ_SHARE_GROUP_STATE_SUMMARY_PARTITION_DATA)),
  ] };
#[rustfmt::skip]
static READ_SHARE_GROUP_STATE_SUMMARY: Shape = Shape {
  memory: 80, fields: &[
    field("GroupId", 0, 1, Item::String),
    array("Topics", 0, 1, Item::Struct(&READ_SHARE_GROUP_STATE_SUMMARY_READ_STATE_SUMMARY_DATA)),
  ] };
#[rustfmt::skip]
static READ_SHARE_GROUP_STATE_SUMMARY_REQUEST: Request = Request {
    key: 87, name: "ReadShareGroupStateSummaryRequest", min: 0, max: 1, flexible: 0,
    unstable: false, body: &READ_SHARE_GROUP_STATE_SUMMARY,
};

#[rustfmt::skip]
static STREAMS_GROUP_HEARTBEAT_KEY_VALUE: Shape = Shape {
  memory: 88, fields: &[
    field("Key", 0, 1, Item::String),
    field("Value", 0, 1, Item::String),
  ] };
#[rustfmt::skip]
static STREAMS_GROUP_HEARTBEAT_TOPIC_INFO: Shape = Shape {
  memory: 88, fields: &[
    field("Name", 0, 1, Item::String),
    field("Partitions", 0, 1, Item::Fixed(4)),
    field("ReplicationFactor", 0, 1, Item::Fixed(2)),
    array("TopicConfigs", 0, 1, Item::Struct(&STREAMS_GROUP_HEARTBEAT_KEY_VALUE)),
  ] };
#[rustfmt::skip]
static STREAMS_GROUP_HEARTBEAT_COPARTITION_GROUP: Shape = Shape {
  memory: 96, fields: &[
    array("SourceTopics", 0, 1, Item::Fixed(2)),
    array("SourceTopicRegex", 0, 1, Item::Fixed(2)),
    array("RepartitionSourceTopics", 0, 1, Item::Fixed(2)),
  ] };
#[rustfmt::skip]
static STREAMS_GROUP_HEARTBEAT_SUBTOPOLOGY: Shape = Shape {
  memory: 200, fields: &[
    field("SubtopologyId", 0, 1, Item::String),
    array("SourceTopics", 0, 1, Item::String),
    array("SourceTopicRegex", 0, 1, Item::String),
    array("StateChangelogTopics", 0, 1, Item::Struct(&STREAMS_GROUP_HEARTBEAT_TOPIC_INFO)),
    array("RepartitionSinkTopics", 0, 1, Item::String),
    array("RepartitionSourceTopics", 0, 1, Item::Struct(&STREAMS_GROUP_HEARTBEAT_TOPIC_INFO)),
    array("CopartitionGroups", 0, 1, Item::Struct(&STREAMS_GROUP_HEARTBEAT_COPARTITION_GROUP)),
  ] };
#[rustfmt::skip]
static STREAMS_GROUP_HEARTBEAT_TOPOLOGY: Shape = Shape {
  memory: 56, fields: &[
    field("Epoch", 0, 1, Item::Fixed(4)),
    array("Subtopologies", 0, 1, Item::Struct(&STREAMS_GROUP_HEARTBEAT_SUBTOPOLOGY)),
  ] };
#[rustfmt::skip]
static STREAMS_GROUP_HEARTBEAT_TASK_IDS: Shape = Shape {
  memory: 80, fields: &[
    field("SubtopologyId", 0, 1, Item::String),
    array("Partitions", 0, 1, Item::Fixed(4)),
  ] };
#[rustfmt::skip]
static STREAMS_GROUP_HEARTBEAT_ENDPOINT: Shape = Shape {
  memory: 64, fields: &[
    field("Host", 0, 1, Item::String),
    field("Port", 0, 1, Item::Fixed(2)),
  ] };
#[rustfmt::skip]
static STREAMS_GROUP_HEARTBEAT_TASK_OFFSET: Shape = Shape {
  memory: 72, fields: &[
    field("SubtopologyId", 0, 1, Item::String),
    field("Partition", 0, 1, Item::Fixed(4)),
    field("Offset", 0, 1, Item::Fixed(8)),
  ] };
#[rustfmt::skip]
static STREAMS_GROUP_HEARTBEAT: Shape = Shape {
  memory: 480, fields: &[
    field("GroupId", 0, 1, Item::String),
    field("MemberId", 0, 1, Item::String),
    field("MemberEpoch", 0, 1, Item::Fixed(4)),
    field("EndpointInformationEpoch", 0, 1, Item::Fixed(4)),
    field("InstanceId", 0, 1, Item::String).nullable(0, 1),
    field("RackId", 0, 1, Item::String).nullable(0, 1),
    field("RebalanceTimeoutMs", 0, 1, Item::Fixed(4)),
    field("Topology", 0, 1, Item::Struct(&STREAMS_GROUP_HEARTBEAT_TOPOLOGY)).nullable(0, 1),
    array("ActiveTasks", 0, 1, Item::Struct(&STREAMS_GROUP_HEARTBEAT_TASK_IDS)).nullable(0, 1),
    array("StandbyTasks", 0, 1, Item::Struct(&STREAMS_GROUP_HEARTBEAT_TASK_IDS)).nullable(0, 1),
    array("WarmupTasks", 0, 1, Item::Struct(&STREAMS_GROUP_HEARTBEAT_TASK_IDS)).nullable(0, 1),
    field("ProcessId", 0, 1, Item::String).nullable(0, 1),
    field("UserEndpoint", 0, 1, Item::Struct(&STREAMS_GROUP_HEARTBEAT_ENDPOINT)).nullable(0, 1),
    array("ClientTags", 0, 1, Item::Struct(&STREAMS_GROUP_HEARTBEAT_KEY_VALUE)).nullable(0, 1),
    array("TaskOffsets", 0, 1, Item::Struct(&STREAMS_GROUP_HEARTBEAT_TASK_OFFSET)).nullable(0, 1),
    array("TaskEndOffsets", 0, 1,
      Item::Struct(&STREAMS_GROUP_HEARTBEAT_TASK_OFFSET)).nullable(0, 1),
    field("ShutdownApplication", 0, 1, Item::Fixed(1)),
  ] };
#[rustfmt::skip]
static STREAMS_GROUP_HEARTBEAT_REQUEST: Request = Request {
    key: 88, name: "StreamsGroupHeartbeatRequest", min: 0, max: 1, flexible: 0,
    unstable: false, body: &STREAMS_GROUP_HEARTBEAT,
};

#[rustfmt::skip]
static STREAMS_GROUP_DESCRIBE: Shape = Shape {
  memory: 56, fields: &[
    array("GroupIds", 0, 1, Item::String),
    field("IncludeAuthorizedOperations", 0, 1, Item::Fixed(1)),
    field("IncludeTopologyDescription", 1, 1, Item::Fixed(1)),
  ] };
#[rustfmt::skip]
static STREAMS_GROUP_DESCRIBE_REQUEST: Request = Request {
    key: 89, name: "StreamsGroupDescribeRequest", min: 0, max: 1, flexible: 0,
    unstable: false, body: &STREAMS_GROUP_DESCRIBE,
};

#[rustfmt::skip]
static DESCRIBE_SHARE_GROUP_OFFSETS_REQUEST_TOPIC: Shape = Shape {
  memory: 80, fields: &[
    field("TopicName", 0, 1, Item::String),
    array("Partitions", 0, 1, Item::Fixed(4)),
  ] };
#[rustfmt::skip]
static DESCRIBE_SHARE_GROUP_OFFSETS_REQUEST_GROUP: Shape = Shape {
  memory: 80, fields: &[
    field("GroupId", 0, 1, Item::String),
    array("Topics", 0, 1,
      Item::Struct(&DESCRIBE_SHARE_GROUP_OFFSETS_REQUEST_TOPIC)).nullable(0, 1),
  ] };
#[rustfmt::skip]
static DESCRIBE_SHARE_GROUP_OFFSETS: Shape = Shape {
  memory: 48, fields: &[
    array("Groups", 0, 1, Item::Struct(&DESCRIBE_SHARE_GROUP_OFFSETS_REQUEST_GROUP)),
  ] };
#[rustfmt::skip]
static DESCRIBE_SHARE_GROUP_OFFSETS_REQUEST: Request = Request {
    key: 90, name: "DescribeShareGroupOffsetsRequest", min: 0, max: 1, flexible: 0,
    unstable: false, body: &DESCRIBE_SHARE_GROUP_OFFSETS,
};

#[rustfmt::skip]
static ALTER_SHARE_GROUP_OFFSETS_REQUEST_PARTITION: Shape = Shape {
  memory: 40, fields: &[
    field("PartitionIndex", 0, 0, Item::Fixed(4)),
    field("StartOffset", 0, 0, Item::Fixed(8)),
  ] };
#[rustfmt::skip]
static ALTER_SHARE_GROUP_OFFSETS_REQUEST_TOPIC: Shape = Shape {
  memory: 80, fields: &[
    field("TopicName", 0, 0, Item::String),
    array("Partitions", 0, 0, Item::Struct(&ALTER_SHARE_GROUP_OFFSETS_REQUEST_PARTITION)),
  ] };
#[rustfmt::skip]
static ALTER_SHARE_GROUP_OFFSETS: Shape = Shape {
  memory: 80, fields: &[
    field("GroupId", 0, 0, Item::String),
    array("Topics", 0, 0, Item::Struct(&ALTER_SHARE_GROUP_OFFSETS_REQUEST_TOPIC)),
  ] };
#[rustfmt::skip]
static ALTER_SHARE_GROUP_OFFSETS_REQUEST: Request = Request {
    key: 91, name: "AlterShareGroupOffsetsRequest", min: 0, max: 0, flexible: 0,
    unstable: false, body: &ALTER_SHARE_GROUP_OFFSETS,
};

#[rustfmt::skip]
static DELETE_SHARE_GROUP_OFFSETS_REQUEST_TOPIC: Shape = Shape {
  memory: 56, fields: &[
    field("TopicName", 0, 0, Item::String),
  ] };
#[rustfmt::skip]
static DELETE_SHARE_GROUP_OFFSETS: Shape = Shape {
  memory: 80, fields: &[
    field("GroupId", 0, 0, Item::String),
    array("Topics", 0, 0, Item::Struct(&DELETE_SHARE_GROUP_OFFSETS_REQUEST_TOPIC)),
  ] };
#[rustfmt::skip]
static DELETE_SHARE_GROUP_OFFSETS_REQUEST: Request = Request {
    key: 92, name: "DeleteShareGroupOffsetsRequest", min: 0, max: 0, flexible: 0,
    unstable: false, body: &DELETE_SHARE_GROUP_OFFSETS,
};

#[rustfmt::skip]
static STREAMS_GROUP_TOPOLOGY_DESCRIPTION_UPDATE_TOPOLOGY_DESCRIPTION_NODE: Shape = Shape {
  memory: 168, fields: &[
    field("Name", 0, 0, Item::String),
    field("NodeType", 0, 0, Item::Fixed(1)),
    array("SourceTopics", 0, 0, Item::String),
    field("SinkTopic", 0, 0, Item::String).nullable(0, 0),
    array("Stores", 0, 0, Item::String),
    array("Successors", 0, 0, Item::String),
  ] };
#[rustfmt::skip]
static STREAMS_GROUP_TOPOLOGY_DESCRIPTION_UPDATE_TOPOLOGY_DESCRIPTION_SUBTOPOLOGY: Shape = Shape {
  memory: 80, fields: &[
    field("SubtopologyId", 0, 0, Item::String),
    array("Nodes", 0, 0,
      Item::Struct(&STREAMS_GROUP_TOPOLOGY_DESCRIPTION_UPDATE_TOPOLOGY_DESCRIPTION_NODE)),
  ] };
#[rustfmt::skip]
static STREAMS_GROUP_TOPOLOGY_DESCRIPTION_UPDATE_TOPOLOGY_DESCRIPTION_GLOBAL_STORE: Shape = Shape {
  memory: 360, fields: &[
    field("Source", 0, 0,
      Item::Struct(&STREAMS_GROUP_TOPOLOGY_DESCRIPTION_UPDATE_TOPOLOGY_DESCRIPTION_NODE)),
    field("Processor", 0, 0,
      Item::Struct(&STREAMS_GROUP_TOPOLOGY_DESCRIPTION_UPDATE_TOPOLOGY_DESCRIPTION_NODE)),
  ] };
#[rustfmt::skip]
static STREAMS_GROUP_TOPOLOGY_DESCRIPTION_UPDATE_TOPOLOGY_DESCRIPTION: Shape = Shape {
  memory: 72, fields: &[
    array("Subtopologies", 0, 0,
      Item::Struct(&STREAMS_GROUP_TOPOLOGY_DESCRIPTION_UPDATE_TOPOLOGY_DESCRIPTION_SUBTOPOLOGY)),
    array("GlobalStores", 0, 0,
      Item::Struct(&STREAMS_GROUP_TOPOLOGY_DESCRIPTION_UPDATE_TOPOLOGY_DESCRIPTION_GLOBAL_STORE)),
  ] };
#[rustfmt::skip]
static STREAMS_GROUP_TOPOLOGY_DESCRIPTION_UPDATE: Shape = Shape {
  memory: 168, fields: &[
    field("GroupId", 0, 0, Item::String),
    field("MemberId", 0, 0, Item::String),
    field("TopologyEpoch", 0, 0, Item::Fixed(4)),
    field("TopologyDescription", 0, 0,
      Item::Struct(&STREAMS_GROUP_TOPOLOGY_DESCRIPTION_UPDATE_TOPOLOGY_DESCRIPTION)),
  ] };
#[rustfmt::skip]
static STREAMS_GROUP_TOPOLOGY_DESCRIPTION_UPDATE_REQUEST: Request = Request {
    key: 93, name: "StreamsGroupTopologyDescriptionUpdateRequest", min: 0, max: 0, flexible: 0,
    unstable: false, body: &STREAMS_GROUP_TOPOLOGY_DESCRIPTION_UPDATE,
};

#[rustfmt::skip]
static UNREGISTER_CONTROLLER: Shape = Shape {
  memory: 32, fields: &[
    field("ControllerId", 0, 0, Item::Fixed(4)),
  ] };
#[rustfmt::skip]
static UNREGISTER_CONTROLLER_REQUEST: Request = Request {
    key: 94, name: "UnregisterControllerRequest", min: 0, max: 0, flexible: 0,
    unstable: false, body: &UNREGISTER_CONTROLLER,
};

/// Every request by its API key; `None` for keys that no supported version uses.
#[rustfmt::skip]
pub static REQUESTS: [Option<&Request>; 95] = [
    Some(&PRODUCE_REQUEST),
    Some(&FETCH_REQUEST),
    Some(&LIST_OFFSETS_REQUEST),
    Some(&METADATA_REQUEST),
    None,
    None,
    None,
    None,
    Some(&OFFSET_COMMIT_REQUEST),
    Some(&OFFSET_FETCH_REQUEST),
    Some(&FIND_COORDINATOR_REQUEST),
    Some(&JOIN_GROUP_REQUEST),
    Some(&HEARTBEAT_REQUEST),
    Some(&LEAVE_GROUP_REQUEST),
    Some(&SYNC_GROUP_REQUEST),
    Some(&DESCRIBE_GROUPS_REQUEST),
    Some(&LIST_GROUPS_REQUEST),
    Some(&SASL_HANDSHAKE_REQUEST),
    Some(&API_VERSIONS_REQUEST),
    Some(&CREATE_TOPICS_REQUEST),
    Some(&DELETE_TOPICS_REQUEST),
    Some(&DELETE_RECORDS_REQUEST),
    Some(&INIT_PRODUCER_ID_REQUEST),
    Some(&OFFSET_FOR_LEADER_EPOCH_REQUEST),
    Some(&ADD_PARTITIONS_TO_TXN_REQUEST),
    Some(&ADD_OFFSETS_TO_TXN_REQUEST),
    Some(&END_TXN_REQUEST),
    Some(&WRITE_TXN_MARKERS_REQUEST),
    Some(&TXN_OFFSET_COMMIT_REQUEST),
    Some(&DESCRIBE_ACLS_REQUEST),
    Some(&CREATE_ACLS_REQUEST),
    Some(&DELETE_ACLS_REQUEST),
    Some(&DESCRIBE_CONFIGS_REQUEST),
    Some(&ALTER_CONFIGS_REQUEST),
    Some(&ALTER_REPLICA_LOG_DIRS_REQUEST),
    Some(&DESCRIBE_LOG_DIRS_REQUEST),
    Some(&SASL_AUTHENTICATE_REQUEST),
    Some(&CREATE_PARTITIONS_REQUEST),
    Some(&CREATE_DELEGATION_TOKEN_REQUEST),
    Some(&RENEW_DELEGATION_TOKEN_REQUEST),
    Some(&EXPIRE_DELEGATION_TOKEN_REQUEST),
    Some(&DESCRIBE_DELEGATION_TOKEN_REQUEST),
    Some(&DELETE_GROUPS_REQUEST),
    Some(&ELECT_LEADERS_REQUEST),
    Some(&INCREMENTAL_ALTER_CONFIGS_REQUEST),
    Some(&ALTER_PARTITION_REASSIGNMENTS_REQUEST),
    Some(&LIST_PARTITION_REASSIGNMENTS_REQUEST),
    Some(&OFFSET_DELETE_REQUEST),
    Some(&DESCRIBE_CLIENT_QUOTAS_REQUEST),
    Some(&ALTER_CLIENT_QUOTAS_REQUEST),
    Some(&DESCRIBE_USER_SCRAM_CREDENTIALS_REQUEST),
    Some(&ALTER_USER_SCRAM_CREDENTIALS_REQUEST),
    Some(&VOTE_REQUEST),
    Some(&BEGIN_QUORUM_EPOCH_REQUEST),
    Some(&END_QUORUM_EPOCH_REQUEST),
    Some(&DESCRIBE_QUORUM_REQUEST),
    Some(&ALTER_PARTITION_REQUEST),
    Some(&UPDATE_FEATURES_REQUEST),
    Some(&ENVELOPE_REQUEST),
    Some(&FETCH_SNAPSHOT_REQUEST),
    Some(&DESCRIBE_CLUSTER_REQUEST),
    Some(&DESCRIBE_PRODUCERS_REQUEST),
    Some(&BROKER_REGISTRATION_REQUEST),
    Some(&BROKER_HEARTBEAT_REQUEST),
    Some(&UNREGISTER_BROKER_REQUEST),
    Some(&DESCRIBE_TRANSACTIONS_REQUEST),
    Some(&LIST_TRANSACTIONS_REQUEST),
    Some(&ALLOCATE_PRODUCER_IDS_REQUEST),
    Some(&CONSUMER_GROUP_HEARTBEAT_REQUEST),
    Some(&CONSUMER_GROUP_DESCRIBE_REQUEST),
    Some(&CONTROLLER_REGISTRATION_REQUEST),
    Some(&GET_TELEMETRY_SUBSCRIPTIONS_REQUEST),
    Some(&PUSH_TELEMETRY_REQUEST),
    Some(&ASSIGN_REPLICAS_TO_DIRS_REQUEST),
    Some(&LIST_CONFIG_RESOURCES_REQUEST),
    Some(&DESCRIBE_TOPIC_PARTITIONS_REQUEST),
    Some(&SHARE_GROUP_HEARTBEAT_REQUEST),
    Some(&SHARE_GROUP_DESCRIBE_REQUEST),
    Some(&SHARE_FETCH_REQUEST),
    Some(&SHARE_ACKNOWLEDGE_REQUEST),
    Some(&ADD_RAFT_VOTER_REQUEST),
    Some(&REMOVE_RAFT_VOTER_REQUEST),
    Some(&UPDATE_RAFT_VOTER_REQUEST),
    Some(&INITIALIZE_SHARE_GROUP_STATE_REQUEST),
    Some(&READ_SHARE_GROUP_STATE_REQUEST),
    Some(&WRITE_SHARE_GROUP_STATE_REQUEST),
    Some(&DELETE_SHARE_GROUP_STATE_REQUEST),
    Some(&READ_SHARE_GROUP_STATE_SUMMARY_REQUEST),
    Some(&STREAMS_GROUP_HEARTBEAT_REQUEST),
    Some(&STREAMS_GROUP_DESCRIBE_REQUEST),
    Some(&DESCRIBE_SHARE_GROUP_OFFSETS_REQUEST),
    Some(&ALTER_SHARE_GROUP_OFFSETS_REQUEST),
    Some(&DELETE_SHARE_GROUP_OFFSETS_REQUEST),
    Some(&STREAMS_GROUP_TOPOLOGY_DESCRIPTION_UPDATE_REQUEST),
    Some(&UNREGISTER_CONTROLLER_REQUEST),
];
