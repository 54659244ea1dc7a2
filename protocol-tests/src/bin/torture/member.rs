//! A member of a consumer group that speaks the classic protocol: it joins and syncs, sends
//! heartbeats, commits and leaves. When to do so, and over which connection, is its owner's.

use std::io;

use bytes::Bytes;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::*;
use kafka_protocol::protocol::StrBytes;
use protocol_tests::client::text;

use crate::requests::{self, expect_none};
use crate::wire::Wire;

const ILLEGAL_GENERATION: i16 = 22;
const UNKNOWN_MEMBER_ID: i16 = 25;
const REBALANCE_IN_PROGRESS: i16 = 27;
const MEMBER_ID_REQUIRED: i16 = 79;

/// One member. Where an answer has an error that its state does not explain, that is an
/// `io::Error`.
pub struct Member {
    group: GroupId,
    topic: &'static str,
    id: StrBytes,
    generation: i32,
}

impl Member {
    /// One that has not joined yet, of a group that reads a topic.
    pub fn new(group: &str, topic: &'static str) -> Member {
        Member { group: GroupId(text(group)), topic, id: text(""), generation: -1 }
    }

    /// Whether the group does not know it.
    pub fn is_nobody(&self) -> bool {
        self.id.is_empty()
    }

    /// Joins and syncs. How many members the group has, 0 for all but the leader; none if it is to
    /// be tried again.
    pub async fn join(&mut self, wire: &mut Wire) -> io::Result<Option<usize>> {
        // Subscription version 0, one topic, no user data.
        let mut metadata = vec![0, 0, 0, 0, 0, 1, 0, self.topic.len() as u8];
        metadata.extend_from_slice(self.topic.as_bytes());
        metadata.extend_from_slice(&[0; 4]);
        let protocol = JoinGroupRequestProtocol::default()
            .with_name(text("range"))
            .with_metadata(metadata.into());
        let request = JoinGroupRequest::default()
            .with_group_id(self.group.clone())
            .with_session_timeout_ms(45_000)
            .with_rebalance_timeout_ms(300_000)
            .with_member_id(self.id.clone())
            .with_protocol_type(text("consumer"))
            .with_protocols(vec![protocol]);
        let joined = wire.call(&request, 9).await?;
        if joined.error_code == MEMBER_ID_REQUIRED {
            self.id = joined.member_id;
            return Ok(None);
        }
        if !self.is_current("JoinGroup", joined.error_code)? {
            return Ok(None);
        }
        self.id = joined.member_id;
        self.generation = joined.generation_id;
        let count = joined.members.len();
        let is_in = self.sync(wire, joined.members.into_iter().map(|member| member.member_id));
        Ok(is_in.await?.then_some(count))
    }

    /// Gives each member the partition of its place, if this one leads the group.
    async fn sync(
        &mut self,
        wire: &mut Wire,
        members: impl Iterator<Item = StrBytes>,
    ) -> io::Result<bool> {
        let assignments = members.enumerate().map(|(at, member)| {
            // Assignment version 0, one topic, one partition, no user data.
            let mut assignment = vec![0, 0, 0, 0, 0, 1, 0, self.topic.len() as u8];
            assignment.extend_from_slice(self.topic.as_bytes());
            assignment.extend_from_slice(&[0, 0, 0, 1, 0, 0, 0, at as u8, 0, 0, 0, 0]);
            SyncGroupRequestAssignment::default()
                .with_member_id(member)
                .with_assignment(Bytes::from(assignment))
        });
        let request = SyncGroupRequest::default()
            .with_group_id(self.group.clone())
            .with_generation_id(self.generation)
            .with_member_id(self.id.clone())
            .with_protocol_type(Some(text("consumer")))
            .with_protocol_name(Some(text("range")))
            .with_assignments(assignments.collect());
        let synced = wire.call(&request, 5).await?;
        self.is_current("SyncGroup", synced.error_code)
    }

    /// Sends a heartbeat; false if it is to join again.
    pub async fn heartbeat(&mut self, wire: &mut Wire) -> io::Result<bool> {
        let request = HeartbeatRequest::default()
            .with_group_id(self.group.clone())
            .with_generation_id(self.generation)
            .with_member_id(self.id.clone());
        let answer = wire.call(&request, 4).await?;
        self.is_current("Heartbeat", answer.error_code)
    }

    /// Commits offsets of partitions; false if none was, and it is to join again.
    pub async fn commit(
        &mut self,
        wire: &mut Wire,
        offsets: impl Iterator<Item = (i32, i64)>,
    ) -> io::Result<bool> {
        let partitions = offsets.map(|(index, offset)| {
            OffsetCommitRequestPartition::default()
                .with_partition_index(index)
                .with_committed_offset(offset)
        });
        let topic = OffsetCommitRequestTopic::default()
            .with_name(requests::topic(self.topic))
            .with_partitions(partitions.collect());
        let request = OffsetCommitRequest::default()
            .with_group_id(self.group.clone())
            .with_generation_id_or_member_epoch(self.generation)
            .with_member_id(self.id.clone())
            .with_topics(vec![topic]);
        let answer = wire.call(&request, 8).await?;
        self.is_current("OffsetCommit", answer.topics[0].partitions[0].error_code)
    }

    /// Leaves the group.
    pub async fn leave(self, wire: &mut Wire) -> io::Result<()> {
        let identity = MemberIdentity::default().with_member_id(self.id);
        let request =
            LeaveGroupRequest::default().with_group_id(self.group).with_members(vec![identity]);
        expect_none("LeaveGroup", wire.call(&request, 5).await?.error_code)
    }

    /// Whether it belongs to the current generation; if not, it is to join.
    fn is_current(&mut self, api: &str, code: i16) -> io::Result<bool> {
        match code {
            REBALANCE_IN_PROGRESS | ILLEGAL_GENERATION => Ok(false),
            UNKNOWN_MEMBER_ID => {
                self.id = text("");
                Ok(false)
            }
            code => expect_none(api, code).map(|()| true),
        }
    }
}
