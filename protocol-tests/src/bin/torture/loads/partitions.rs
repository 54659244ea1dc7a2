//! Many partitions: a thousand to a topic, all with records, and for each topic a producer that
//! touches fifty of them a second and a consumer that waits for all of them in one fetch session.
//! When the load leaves, the topics are deleted.

use std::collections::HashMap;
use std::io;
use std::time::Duration;

use felice::kernel::batch::batches;
use kafka_protocol::messages::FetchResponse;

use super::{CONNECTION_MAX, Load, Size};
use crate::requests::{self, FETCH};
use crate::stage::{Act, Stage};
use crate::wire::Wire;

const PER_TOPIC: usize = 1_000;
/// Partitions of one Produce request while all are given their first record.
const FILL: usize = 100;
/// Partitions that a producer writes to at a time.
const TOUCHED: usize = 10;
const PACE: Duration = Duration::from_millis(200);
const WAIT_MS: i32 = 500;

/// What a partition may take, in KiB: its state, its open file and its place in the metadata.
const PARTITION_MAX: u64 = 16;

pub const LOAD: Load = Load {
    name: "partitions",
    about: "{} partitions with records, 50 of each thousand written to in a second, all consumed",
    size: Size { full: 10_000, short: 2_000 },
    settings: &["offsets.topic.num.partitions=50"],
    prepare: |_, _| Ok(()),
    acts: |stage, size| {
        let topics = (0..size / PER_TOPIC).flat_map(|index| {
            let both: [Act; 2] =
                [Box::pin(produce(stage.clone(), index)), Box::pin(consume(stage.clone(), index))];
            both
        });
        topics.collect()
    },
    parties: |size| size / PER_TOPIC * 2,
    memory_max: |size| size as u64 * PARTITION_MAX + CONNECTION_MAX * 100,
};

fn name(index: usize) -> String {
    format!("partitions-{index}")
}

async fn produce(stage: Stage, index: usize) -> io::Result<()> {
    let name = name(index);
    let mut wire = Wire::connect(stage.address).await?;
    requests::create(&mut wire, &name, PER_TOPIC as i32).await?;
    let batch = requests::small_batch();
    let touch = |first: usize, count: usize| {
        let partitions = (first..first + count).map(|at| (at % PER_TOPIC) as i32);
        requests::produce(&name, partitions, 1, &batch)
    };
    for first in (0..PER_TOPIC).step_by(FILL) {
        requests::check_produced(wire.exchange(&touch(first, FILL)).await?)?;
    }
    stage.arrive();
    let mut next = 0;
    while stage.stay(PACE).await {
        requests::check_produced(wire.exchange(&touch(next, TOUCHED)).await?)?;
        stage.count();
        next += TOUCHED;
    }
    // Consumers see the topic go; they are leaving too.
    requests::delete(&mut wire, &name).await
}

async fn consume(stage: Stage, index: usize) -> io::Result<()> {
    let name = name(index);
    let mut wire = Wire::connect(stage.address).await?;
    requests::create(&mut wire, &name, PER_TOPIC as i32).await?;
    let mut offsets: HashMap<i32, i64> = (0..PER_TOPIC as i32).map(|at| (at, 0)).collect();
    let mut moved: Vec<i32> = offsets.keys().copied().collect();
    let mut session = (0, 0);
    stage.arrive();
    while stage.stay(Duration::ZERO).await {
        let wanted = moved.iter().map(|at| (*at, offsets[at]));
        let request = requests::fetch(&name, wanted, session, WAIT_MS, 16 << 20);
        let Some(answer) = stage.unless_leaving(wire.call(&request, FETCH)).await else { break };
        let answer = answer?;
        requests::expect_none("Fetch", answer.error_code)?;
        moved = follow(&answer, &mut offsets)?;
        session = (answer.session_id, session.1 + 1);
        stage.count();
    }
    Ok(())
}

/// Moves the offsets behind what was fetched, and says where that was.
fn follow(answer: &FetchResponse, offsets: &mut HashMap<i32, i64>) -> io::Result<Vec<i32>> {
    let mut moved = Vec::new();
    for partition in answer.responses.iter().flat_map(|topic| &topic.partitions) {
        requests::expect_none("Fetch", partition.error_code)?;
        let records = partition.records.as_deref().unwrap_or_default();
        if let Some((header, _)) = batches(records).filter_map(Result::ok).last() {
            offsets.insert(partition.partition_index, header.last_offset() + 1);
            moved.push(partition.partition_index);
        }
    }
    Ok(moved)
}
