//! Consumer groups of three members, each on a connection of its own: they join, share a topic,
//! send a heartbeat every three seconds and commit with every second one, and leave.

use std::io;
use std::time::Duration;

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

use super::{CONNECTION_MAX, Load, Size, block_on};
use crate::requests::{self, expect_none};
use crate::stage::{Act, Stage};
use crate::wire::Wire;

const TOPIC: &str = "groups";
const MEMBERS: usize = 3;
/// `heartbeat.interval.ms` of Kafka's clients.
const PACE: Duration = Duration::from_secs(3);

const COORDINATOR_NOT_AVAILABLE: i16 = 15;
const ILLEGAL_GENERATION: i16 = 22;
const UNKNOWN_MEMBER_ID: i16 = 25;
const REBALANCE_IN_PROGRESS: i16 = 27;
const MEMBER_ID_REQUIRED: i16 = 79;

pub const LOAD: Load = Load {
    name: "groups",
    about: "{} consumer groups of 3 members, with heartbeats and commits",
    size: Size { full: 1_000, short: 200 },
    settings: &["offsets.topic.num.partitions=50"],
    prepare: |address, _| {
        block_on(async {
            requests::create(&mut Wire::connect(address).await?, TOPIC, MEMBERS as i32).await
        })
    },
    acts: |stage, size| {
        let all = (0..size).flat_map(|group| (0..MEMBERS).map(move |_| group));
        all.map(|group| Box::pin(member(stage.clone(), group)) as Act).collect()
    },
    parties: |size| size,
    memory_max: |size| (size * MEMBERS) as u64 * CONNECTION_MAX,
};

struct Member {
    stage: Stage,
    wire: Wire,
    group: GroupId,
    id: StrBytes,
    generation: i32,
    has_arrived: bool,
}

async fn member(stage: Stage, group: usize) -> io::Result<()> {
    let wire = Wire::connect(stage.address).await?;
    let group = GroupId(text(&format!("group-{group}")));
    let id = text("");
    let mut member = Member { stage, wire, group, id, generation: -1, has_arrived: false };
    member.find().await?;
    let stage = member.stage.clone();
    let lived = stage.unless_leaving(member.live()).await;
    match lived {
        Some(Err(error)) => Err(error),
        Some(Ok(())) => Ok(()),
        // The request that was cut off may still be answered, so the goodbye has its own line.
        None => member.leave().await,
    }
}

impl Member {
    async fn find(&mut self) -> io::Result<()> {
        loop {
            let request =
                FindCoordinatorRequest::default().with_coordinator_keys(vec![self.group.0.clone()]);
            let answer = self.wire.call(&request, 4).await?;
            match answer.coordinators[0].error_code {
                COORDINATOR_NOT_AVAILABLE => tokio::time::sleep(Duration::from_millis(100)).await,
                code => return expect_none("FindCoordinator", code),
            }
        }
    }

    async fn live(&mut self) -> io::Result<()> {
        loop {
            if !self.join().await? {
                continue;
            }
            for count in 0u32.. {
                tokio::time::sleep(PACE).await;
                if !self.heartbeat().await? || (count % 2 == 1 && !self.commit().await?) {
                    break;
                }
            }
        }
    }

    /// Joins and syncs; false if it is to be tried again.
    async fn join(&mut self) -> io::Result<bool> {
        // Subscription version 0, one topic, no user data.
        let mut metadata = vec![0, 0, 0, 0, 0, 1, 0, TOPIC.len() as u8];
        metadata.extend_from_slice(TOPIC.as_bytes());
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
        let joined = self.wire.call(&request, 9).await?;
        self.id = joined.member_id.clone();
        if joined.error_code == MEMBER_ID_REQUIRED
            || !self.is_current("JoinGroup", joined.error_code)?
        {
            return Ok(false);
        }
        self.generation = joined.generation_id;
        let assignments = joined.members.iter().enumerate().map(|(at, member)| {
            // Assignment version 0, one topic, one partition, no user data.
            let mut assignment = vec![0, 0, 0, 0, 0, 1, 0, TOPIC.len() as u8];
            assignment.extend_from_slice(TOPIC.as_bytes());
            assignment.extend_from_slice(&[0, 0, 0, 1, 0, 0, 0, at as u8, 0, 0, 0, 0]);
            SyncGroupRequestAssignment::default()
                .with_member_id(member.member_id.clone())
                .with_assignment(Bytes::from(assignment))
        });
        let request = SyncGroupRequest::default()
            .with_group_id(self.group.clone())
            .with_generation_id(self.generation)
            .with_member_id(self.id.clone())
            .with_protocol_type(Some(text("consumer")))
            .with_protocol_name(Some(text("range")))
            .with_assignments(assignments.collect());
        let synced = self.wire.call(&request, 5).await?;
        let is_in = self.is_current("SyncGroup", synced.error_code)?;
        if is_in && joined.members.len() == MEMBERS && !self.has_arrived {
            self.has_arrived = true;
            self.stage.arrive();
        }
        Ok(is_in)
    }

    async fn heartbeat(&mut self) -> io::Result<bool> {
        let request = HeartbeatRequest::default()
            .with_group_id(self.group.clone())
            .with_generation_id(self.generation)
            .with_member_id(self.id.clone());
        let answer = self.wire.call(&request, 4).await?;
        self.stage.count();
        self.is_current("Heartbeat", answer.error_code)
    }

    async fn commit(&mut self) -> io::Result<bool> {
        let partitions = (0..MEMBERS as i32).map(|index| {
            OffsetCommitRequestPartition::default()
                .with_partition_index(index)
                .with_committed_offset(7)
        });
        let topic = OffsetCommitRequestTopic::default()
            .with_name(requests::topic(TOPIC))
            .with_partitions(partitions.collect());
        let request = OffsetCommitRequest::default()
            .with_group_id(self.group.clone())
            .with_generation_id_or_member_epoch(self.generation)
            .with_member_id(self.id.clone())
            .with_topics(vec![topic]);
        let answer = self.wire.call(&request, 8).await?;
        self.stage.count();
        self.is_current("OffsetCommit", answer.topics[0].partitions[0].error_code)
    }

    /// Whether the member belongs to the current generation; if not, it is to join.
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

    async fn leave(self) -> io::Result<()> {
        let mut wire = Wire::connect(self.stage.address).await?;
        let identity = MemberIdentity::default().with_member_id(self.id);
        let request =
            LeaveGroupRequest::default().with_group_id(self.group).with_members(vec![identity]);
        expect_none("LeaveGroup", wire.call(&request, 5).await?.error_code)
    }
}
