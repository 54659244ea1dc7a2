//! Clients behind bad lines: readers that ask for 32 MiB and take 64 KiB a second, and as many
//! writers that send requests of a mebibyte at that rate. They leave in the middle of it.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use protocol_tests::batches;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{CONNECTION_MAX, Load, QUEUED_REQUESTS_MAX, Size, block_on};
use crate::requests::{self, FETCH};
use crate::stage::{Act, Stage};
use crate::wire::{Wire, encode};

const TOPIC: &str = "slow";
const BATCH_BYTES: usize = 1_000_000;
/// Batches that are there to be read.
const BATCHES: usize = 64;
const WANTED_BYTES: i32 = 32 << 20;
/// What comes or goes at a time.
const PIECE_BYTES: usize = 8 * 1024;
const PACE: Duration = Duration::from_millis(125);
/// Receive buffer of a reader: the rest of what it asked for stays with the broker.
const ROOM: u32 = 16 * 1024;
/// What a writer has sent of its first request when it counts as being there.
const SENT_AT_FIRST: usize = 128 * 1024;

pub const LOAD: Load = Load {
    name: "slow",
    about: "{} slow readers and {} slow writers, 64 KiB a second each",
    size: Size { full: 200, short: 40 },
    settings: &[],
    prepare: |address, _| block_on(prepare(address)),
    acts: |stage, size| {
        let both = (0..size).flat_map(|_| {
            let both: [Act; 2] = [Box::pin(read(stage.clone())), Box::pin(write(stage.clone()))];
            both
        });
        both.collect()
    },
    parties: |size| size * 2,
    memory_max: |size| size as u64 * 2 * CONNECTION_MAX + QUEUED_REQUESTS_MAX,
};

fn batch() -> Bytes {
    batches::one(&vec![b'x'; BATCH_BYTES])
}

async fn prepare(address: std::net::SocketAddr) -> io::Result<()> {
    let mut wire = Wire::connect(address).await?;
    requests::create(&mut wire, TOPIC, 2).await?;
    let frame = requests::produce(TOPIC, [0].into_iter(), 1, &batch());
    for _ in 0..BATCHES {
        requests::check_produced(wire.exchange(&frame).await?)?;
    }
    Ok(())
}

async fn read(stage: Stage) -> io::Result<()> {
    let mut wire = Wire::connect_with(stage.address, Some(ROOM)).await?;
    let wanted = requests::fetch(TOPIC, [(0, 0)].into_iter(), (0, -1), 500, WANTED_BYTES);
    wire.stream.write_all(&encode(&wanted, FETCH)).await?;
    let mut piece = vec![0; PIECE_BYTES];
    wire.stream.read_exact(&mut piece).await?;
    stage.arrive();
    while stage.stay(PACE).await {
        wire.stream.read_exact(&mut piece).await?;
    }
    Ok(())
}

async fn write(stage: Stage) -> io::Result<()> {
    let mut wire = Wire::connect(stage.address).await?;
    let frame = requests::produce(TOPIC, [1].into_iter(), 1, &batch());
    let mut has_arrived = false;
    loop {
        for (at, piece) in frame.chunks(PIECE_BYTES).enumerate() {
            // Where the broker's budget is used up, the line stands still.
            let Some(sent) = stage.unless_leaving(wire.stream.write_all(piece)).await else {
                return Ok(());
            };
            sent?;
            if at * PIECE_BYTES >= SENT_AT_FIRST && !has_arrived {
                has_arrived = true;
                stage.arrive();
            }
            if !stage.stay(PACE).await {
                return Ok(());
            }
        }
        let length = wire.stream.read_u32().await?;
        let mut answer = vec![0; length as usize];
        wire.stream.read_exact(&mut answer).await?;
        requests::check_produced(answer.into())?;
        stage.count();
    }
}
