//! Many connections that do next to nothing: each asks for the versions, as every client does, and
//! then produces a record every ten seconds.

use std::io;
use std::time::Duration;

use kafka_protocol::messages::ApiVersionsRequest;
use protocol_tests::client::text;

use super::{CONNECTION_MAX, Load, Size, block_on};
use crate::requests;
use crate::stage::{Act, Stage};
use crate::wire::Wire;

const TOPIC: &str = "connections";
const PARTITIONS: usize = 10;
const PACE: Duration = Duration::from_secs(10);

pub const LOAD: Load = Load {
    name: "connections",
    about: "{} connections, each produces a record every 10 s",
    size: Size { full: 5_000, short: 1_000 },
    settings: &[],
    prepare: |address, _| {
        block_on(async {
            let mut wire = Wire::connect(address).await?;
            requests::create(&mut wire, TOPIC, PARTITIONS as i32).await?;
            let all = 0..PARTITIONS as i32;
            let frame = requests::produce(TOPIC, all, 1, &requests::small_batch());
            requests::check_produced(wire.exchange(&frame).await?)
        })
    },
    acts: |stage, size| (0..size).map(|index| act(stage.clone(), index)).collect(),
    parties: |size| size,
    memory_max: |size| size as u64 * CONNECTION_MAX,
};

fn act(stage: Stage, index: usize) -> Act {
    Box::pin(client(stage, index))
}

async fn client(stage: Stage, index: usize) -> io::Result<()> {
    let mut wire = Wire::connect(stage.address).await?;
    let hello = ApiVersionsRequest::default()
        .with_client_software_name(text("torture"))
        .with_client_software_version(text("1"));
    requests::expect_none("ApiVersions", wire.call(&hello, 3).await?.error_code)?;
    stage.arrive();
    let partition = (index % PARTITIONS) as i32;
    let frame = requests::produce(TOPIC, [partition].into_iter(), 1, &requests::small_batch());
    // Each has its own moment in the ten seconds.
    let mut pause = PACE * (index % 1_000) as u32 / 1_000;
    while stage.stay(pause).await {
        pause = PACE;
        requests::check_produced(wire.exchange(&frame).await?)?;
        stage.count();
    }
    Ok(())
}
