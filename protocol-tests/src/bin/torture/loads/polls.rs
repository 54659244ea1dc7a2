//! Consumers at the end of their partitions: each waits for records that do not come, in a fetch
//! session, with the wait that clients have by default.

use std::io;

use super::{CONNECTION_MAX, Load, Size, block_on};
use crate::requests::{self, FETCH};
use crate::stage::{Act, Stage};
use crate::wire::Wire;

const TOPIC: &str = "polls";
const PARTITIONS: i32 = 10;
/// `fetch.max.wait.ms` of Kafka's clients.
const WAIT_MS: i32 = 500;

pub const LOAD: Load = Load {
    name: "polls",
    about: "{} long polls of 500 ms on 10 partitions each, where nothing comes",
    size: Size { full: 1_000, short: 200 },
    settings: &[],
    prepare: |address, _| {
        block_on(async {
            requests::create(&mut Wire::connect(address).await?, TOPIC, PARTITIONS).await
        })
    },
    acts: |stage, size| (0..size).map(|_| Box::pin(client(stage.clone())) as Act).collect(),
    parties: |size| size,
    memory_max: |size| size as u64 * CONNECTION_MAX,
};

async fn client(stage: Stage) -> io::Result<()> {
    let mut wire = Wire::connect(stage.address).await?;
    let all = (0..PARTITIONS).map(|partition| (partition, 0));
    let first = requests::fetch(TOPIC, all, (0, 0), 0, 1 << 20);
    let answer = wire.call(&first, FETCH).await?;
    requests::expect_none("Fetch", answer.error_code)?;
    stage.arrive();
    let (session, mut epoch) = (answer.session_id, 1);
    while stage.stay(std::time::Duration::ZERO).await {
        // Without a session (their number is limited) all is said again.
        let again = match session {
            0 => {
                let all = (0..PARTITIONS).map(|partition| (partition, 0));
                requests::fetch(TOPIC, all, (0, -1), WAIT_MS, 1 << 20)
            }
            _ => requests::fetch(TOPIC, [].into_iter(), (session, epoch), WAIT_MS, 1 << 20),
        };
        let Some(answer) = stage.unless_leaving(wire.call(&again, FETCH)).await else { break };
        requests::expect_none("Fetch", answer?.error_code)?;
        stage.count();
        epoch += 1;
    }
    Ok(())
}
