//! Consumer groups of three members, each on a connection of its own: they join, share a topic,
//! send a heartbeat every three seconds and commit with every second one, and leave.

use std::io;
use std::time::Duration;

use kafka_protocol::messages::FindCoordinatorRequest;
use protocol_tests::client::text;

use super::{CONNECTION_MAX, Load, Size, block_on};
use crate::member::Member;
use crate::requests::{self, expect_none};
use crate::stage::{Act, Stage};
use crate::wire::Wire;

const TOPIC: &str = "groups";
const MEMBERS: usize = 3;
/// `heartbeat.interval.ms` of Kafka's clients.
const PACE: Duration = Duration::from_secs(3);

const COORDINATOR_NOT_AVAILABLE: i16 = 15;

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

struct Life {
    stage: Stage,
    wire: Wire,
    group: String,
    member: Member,
    has_arrived: bool,
}

async fn member(stage: Stage, group: usize) -> io::Result<()> {
    let wire = Wire::connect(stage.address).await?;
    let group = format!("group-{group}");
    let member = Member::new(&group, TOPIC);
    let mut life = Life { stage, wire, group, member, has_arrived: false };
    life.find().await?;
    let stage = life.stage.clone();
    let lived = stage.unless_leaving(life.live()).await;
    match lived {
        Some(Err(error)) => Err(error),
        Some(Ok(())) => Ok(()),
        // The request that was cut off may still be answered, so the goodbye has its own line.
        None => life.member.leave(&mut Wire::connect(stage.address).await?).await,
    }
}

impl Life {
    async fn find(&mut self) -> io::Result<()> {
        loop {
            let request =
                FindCoordinatorRequest::default().with_coordinator_keys(vec![text(&self.group)]);
            let answer = self.wire.call(&request, 4).await?;
            match answer.coordinators[0].error_code {
                COORDINATOR_NOT_AVAILABLE => tokio::time::sleep(Duration::from_millis(100)).await,
                code => return expect_none("FindCoordinator", code),
            }
        }
    }

    async fn live(&mut self) -> io::Result<()> {
        loop {
            let Some(members) = self.member.join(&mut self.wire).await? else { continue };
            if members == MEMBERS && !self.has_arrived {
                self.has_arrived = true;
                self.stage.arrive();
            }
            for count in 0u32.. {
                tokio::time::sleep(PACE).await;
                let is_in = self.member.heartbeat(&mut self.wire).await?;
                self.stage.count();
                if !is_in || (count % 2 == 1 && !self.commit().await?) {
                    break;
                }
            }
        }
    }

    async fn commit(&mut self) -> io::Result<bool> {
        let offsets = (0..MEMBERS as i32).map(|index| (index, 7));
        let is_in = self.member.commit(&mut self.wire, offsets).await;
        self.stage.count();
        is_in
    }
}
