//! What goes into the group kernel and what comes out of it: events, requests, effects and
//! responses, as plain data. Nothing here decides anything, and nothing here knows a Kafka error
//! code or an API version: versions appear as the behaviours that they switch on.

use std::sync::Arc;

use bytes::Bytes;

use super::Error;
use super::records::Record;
use crate::kernel::types::{LeaderEpoch, Offset, PartitionIndex, Uuid};

/// Names a request that waits for its reply. The shell hands it in and gets it back.
pub type Ticket = u64;

/// One thing that happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// JoinGroup. The reply may come much later, out of another step.
    Join {
        /// Request to answer.
        ticket: Ticket,
        /// The request.
        request: Box<JoinRequest>,
    },
    /// SyncGroup. The reply may come later, out of the leader's step.
    Sync {
        /// Request to answer.
        ticket: Ticket,
        /// The request.
        request: Box<SyncRequest>,
    },
    /// Heartbeat.
    Heartbeat {
        /// Request to answer.
        ticket: Ticket,
        /// The request.
        request: HeartbeatRequest,
    },
    /// LeaveGroup, with one member in its versions below 3.
    Leave {
        /// Request to answer.
        ticket: Ticket,
        /// Group to leave.
        group_id: Arc<str>,
        /// Who leaves.
        members: Vec<LeavingMember>,
    },
    /// OffsetCommit.
    CommitOffsets {
        /// Request to answer.
        ticket: Ticket,
        /// The request.
        request: Box<CommitRequest>,
    },
    /// DeleteGroups.
    DeleteGroups {
        /// Request to answer.
        ticket: Ticket,
        /// Groups to delete.
        group_ids: Vec<Arc<str>>,
    },
    /// OffsetDelete.
    DeleteOffsets {
        /// Request to answer.
        ticket: Ticket,
        /// Group whose offsets go.
        group_id: Arc<str>,
        /// Partitions by topic name.
        partitions: Vec<(Arc<str>, PartitionIndex)>,
    },
    /// Topics are gone: their committed offsets go too.
    TopicsDeleted(Vec<Arc<str>>),
    /// The connection of a waiting request died. A vanished client's parked JoinGroup or SyncGroup
    /// keeps its member until the session ends, as in Kafka, because clients reconnect and retry.
    Abandon {
        /// Request that nobody waits for any more.
        ticket: Ticket,
    },
    /// Time has passed. Every other event runs due timers too.
    Tick,
    /// A record of the offsets partition, in log order, before `Loaded`.
    Replay {
        /// Key bytes.
        key: Bytes,
        /// Value bytes, none for a tombstone.
        value: Option<Bytes>,
    },
    /// All records were replayed: sessions start now.
    Loaded,
    /// This broker is no longer the coordinator: everybody who waits is sent away.
    Unload,
}

/// A JoinGroup request.
#[derive(Clone, Debug)]
pub struct JoinRequest {
    /// Group to join.
    pub group_id: Arc<str>,
    /// Member ID, empty for a member that has none yet.
    pub member_id: Arc<str>,
    /// KIP-345 instance ID of a static member.
    pub group_instance_id: Option<Arc<str>>,
    /// Client ID of the request header.
    pub client_id: Arc<str>,
    /// Address of the client, as Kafka shows it: `/127.0.0.1`.
    pub client_host: Arc<str>,
    /// Session timeout in milliseconds.
    pub session_timeout_ms: i32,
    /// Rebalance timeout in milliseconds. Below 0 stands for the session timeout (version 0 has
    /// no such field, and some clients send -1).
    pub rebalance_timeout_ms: i32,
    /// Protocol type, `consumer` for consumers.
    pub protocol_type: Arc<str>,
    /// Protocols with their metadata, best first.
    pub protocols: Vec<(Arc<str>, Bytes)>,
    /// A fresh ID for this member, used only if it has none: client ID or instance ID, a dash and
    /// a random UUID.
    pub new_member_id: Arc<str>,
    /// KIP-394, version 4 and later: a dynamic member without ID is first told its ID.
    pub require_known_member_id: bool,
    /// KIP-814, version 9 and later: a replaced static leader is told to skip the assignment.
    pub supports_skip_assignment: bool,
}

/// A SyncGroup request.
#[derive(Clone, Debug)]
pub struct SyncRequest {
    /// Group.
    pub group_id: Arc<str>,
    /// Member.
    pub member_id: Arc<str>,
    /// Instance ID of a static member.
    pub group_instance_id: Option<Arc<str>>,
    /// Generation the member is in.
    pub generation: i32,
    /// Protocol type the member believes in (KIP-559, version 5 and later).
    pub protocol_type: Option<Arc<str>>,
    /// Protocol name the member believes in (KIP-559, version 5 and later).
    pub protocol_name: Option<Arc<str>>,
    /// Assignments by member ID, from the leader only.
    pub assignments: Vec<(Arc<str>, Bytes)>,
}

/// A Heartbeat request.
#[derive(Clone, Debug)]
pub struct HeartbeatRequest {
    /// Group.
    pub group_id: Arc<str>,
    /// Member.
    pub member_id: Arc<str>,
    /// Instance ID of a static member.
    pub group_instance_id: Option<Arc<str>>,
    /// Generation the member is in.
    pub generation: i32,
}

/// One member of a LeaveGroup request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeavingMember {
    /// Member ID, empty if an administrator removes a static member by its instance ID.
    pub member_id: Arc<str>,
    /// Instance ID of a static member.
    pub group_instance_id: Option<Arc<str>>,
}

/// An OffsetCommit request.
#[derive(Clone, Debug)]
pub struct CommitRequest {
    /// Group, may be empty.
    pub group_id: Arc<str>,
    /// Member, empty for a client without membership.
    pub member_id: Arc<str>,
    /// Instance ID of a static member.
    pub group_instance_id: Option<Arc<str>>,
    /// Generation of the member, below 0 for a client without membership.
    pub generation: i32,
    /// How long the offsets are kept, in milliseconds; none means as configured (versions 2–4).
    pub retention_ms: Option<i64>,
    /// What to commit.
    pub offsets: Vec<CommitPartition>,
}

/// One partition of an OffsetCommit request.
#[derive(Clone, Debug)]
pub struct CommitPartition {
    /// Topic name.
    pub topic: Arc<str>,
    /// Topic ID, zero if it is not known.
    pub topic_id: Uuid,
    /// Partition.
    pub partition: PartitionIndex,
    /// Offset of the next record to read; any value is stored.
    pub offset: Offset,
    /// Leader epoch of the last record read, -1 if unknown.
    pub leader_epoch: LeaderEpoch,
    /// Text of the client's own.
    pub metadata: Arc<str>,
}

/// What the shell must do.
///
/// All records of one step are appended as one batch. A step's replies leave when that batch and
/// every earlier one are durable, also if the step itself appended nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Append a record to the offsets partition.
    Append(Record),
    /// Answer a request.
    Reply {
        /// The request.
        ticket: Ticket,
        /// The answer.
        response: Response,
    },
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Response {
    /// To `Join`.
    Join(Result<Joined, JoinFailed>),
    /// To `Sync`.
    Sync(Result<Synced, Error>),
    /// To `Heartbeat`.
    Heartbeat(Result<(), Error>),
    /// To `Leave`, one result for each member in request order.
    Leave(Result<Vec<LeaveResult>, Error>),
    /// To `CommitOffsets`, one result for each partition in request order.
    Commit(Result<Vec<Result<(), Error>>, Error>),
    /// To `DeleteGroups`, one result for each group in request order.
    DeleteGroups(Vec<Result<(), Error>>),
    /// To `DeleteOffsets`, one result for each partition in request order.
    DeleteOffsets(Result<Vec<Result<(), Error>>, Error>),
}

/// The member is in the generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joined {
    /// Its ID.
    pub member_id: Arc<str>,
    /// The generation.
    pub generation: i32,
    /// Protocol type of the group.
    pub protocol_type: Option<Arc<str>>,
    /// Protocol the members voted for.
    pub protocol_name: Option<Arc<str>>,
    /// Member ID of the leader, empty if there is none.
    pub leader: Arc<str>,
    /// KIP-814: the leader must not compute a new assignment.
    pub skip_assignment: bool,
    /// All members, for the leader only.
    pub members: Vec<JoinedMember>,
}

/// One member as the leader sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinedMember {
    /// Member ID.
    pub member_id: Arc<str>,
    /// Instance ID of a static member.
    pub group_instance_id: Option<Arc<str>>,
    /// Its metadata for the chosen protocol.
    pub metadata: Bytes,
}

/// The member is not in the generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinFailed {
    /// Why.
    pub error: Error,
    /// The ID it should use next, or the one it sent, or nothing.
    pub member_id: Arc<str>,
}

/// A member's assignment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Synced {
    /// Protocol type of the group.
    pub protocol_type: Option<Arc<str>>,
    /// Protocol of the generation.
    pub protocol_name: Option<Arc<str>>,
    /// What the leader assigned, empty if it forgot this member.
    pub assignment: Bytes,
}

/// What became of one leaving member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaveResult {
    /// The member as it was named in the request.
    pub member: LeavingMember,
    /// None if it left.
    pub error: Option<Error>,
}

/// One committed offset as OffsetFetch shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchedOffset {
    /// Partition.
    pub partition: PartitionIndex,
    /// Committed offset, -1 if there is none.
    pub offset: Offset,
    /// Leader epoch committed with it, -1 if unknown.
    pub leader_epoch: LeaderEpoch,
    /// ID of the topic it was committed for, zero if unknown.
    pub topic_id: Uuid,
    /// Text committed with it.
    pub metadata: Arc<str>,
}

impl FetchedOffset {
    /// What is shown where nothing was committed.
    pub fn nothing(partition: PartitionIndex) -> FetchedOffset {
        let metadata = Arc::from("");
        FetchedOffset { partition, offset: -1, leader_epoch: -1, topic_id: Uuid::ZERO, metadata }
    }
}

/// Committed offsets by topic, as OffsetFetch shows them.
pub type FetchedTopics = Vec<(Arc<str>, Vec<FetchedOffset>)>;

/// A group as DescribeGroups shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupDescription {
    /// State.
    pub state: super::State,
    /// Protocol type, empty for a group that only stores offsets.
    pub protocol_type: Arc<str>,
    /// Protocol of the generation, empty unless the group is stable.
    pub protocol_name: Arc<str>,
    /// Members by ID.
    pub members: Vec<MemberDescription>,
    /// Generation, for tests and tools.
    pub generation: i32,
    /// Leader, for tests and tools.
    pub leader: Option<Arc<str>>,
}

/// A member as DescribeGroups shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberDescription {
    /// Member ID.
    pub member_id: Arc<str>,
    /// Instance ID of a static member.
    pub group_instance_id: Option<Arc<str>>,
    /// Client ID at its last join.
    pub client_id: Arc<str>,
    /// Address at its last join.
    pub client_host: Arc<str>,
    /// Metadata for the chosen protocol, empty unless the group is stable.
    pub metadata: Bytes,
    /// The last assignment, empty if there was none.
    pub assignment: Bytes,
}

/// A group as ListGroups shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupListing {
    /// Group ID.
    pub group_id: Arc<str>,
    /// Protocol type, empty for a group that only stores offsets.
    pub protocol_type: Arc<str>,
    /// State.
    pub state: super::State,
    /// Which protocol the group speaks.
    pub group_type: GroupType,
}

/// The rebalance protocol a group speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupType {
    /// JoinGroup, SyncGroup and Heartbeat.
    Classic,
}

impl GroupType {
    /// Kafka's name of the type.
    pub fn name(self) -> &'static str {
        match self {
            GroupType::Classic => "classic",
        }
    }
}
