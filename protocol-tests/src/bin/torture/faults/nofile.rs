//! A broker that may open 256 files, with a thousand partitions that are all written and read, more
//! in one request than it may have files, and more connections than it has room for: it lives, says
//! what is wrong to those it turns away, and serves as before when they have left.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use bytes::Bytes;
use kafka_protocol::messages::{ProduceResponse, ResponseHeader};
use kafka_protocol::protocol::Decodable;
use protocol_tests::batches;

use super::life::{Life, Work};
use super::load::{Load, on};
use super::{Fault, Tally, ask, judge, under_load};
use crate::requests::{self, expect_none};
use crate::wire::Wire;

/// Open files that the broker may have.
const FILES_MAX: u64 = 256;
const TOPICS: usize = 2;
const PARTITIONS: i32 = 500;
/// KAFKA_STORAGE_ERROR, which clients repeat.
const STORAGE_ERROR: i16 = 56;
/// How long a client may have to repeat what no file was left for.
const REPEAT_MAX: Duration = Duration::from_secs(20);
/// Connections at a time, more than there are files.
const CONNECTIONS: usize = 400;

pub const FAULT: Fault = Fault {
    name: "nofile",
    about: "1,000 partitions and 400 connections with 256 open files",
    times: (3, 1),
    mounts: false,
    run: |tally, times| {
        let work = Work::new("nofile")?;
        let mut life = Life::new(&work.path().join("data"), work.path(), &[])?;
        life.files_max = Some(FILES_MAX);
        let load = under_load(tally, &mut life)?;
        on(life.address(), async |wire| {
            for topic in 0..TOPICS {
                ask::create(wire, &name(topic), PARTITIONS, &[]).await?;
            }
            Ok(())
        })?;
        for round in 0..times as i64 {
            once(tally, &mut life, &load, round)?;
            tally.count();
        }
        life.kill();
        load.pause();
        tally.ready(life.start()?);
        judge(tally, &life, &load)?;
        tally.add_load(&load);
        Ok(())
    },
};

fn name(topic: usize) -> String {
    format!("many-{topic}")
}

fn once(tally: &mut Tally, life: &mut Life, load: &Load, round: i64) -> Result<(), String> {
    let done = on(life.address(), async |wire| {
        for topic in 0..TOPICS {
            write(wire, &name(topic)).await?;
        }
        for topic in 0..TOPICS {
            read(wire, &name(topic), round + 1).await?;
        }
        Ok(())
    });
    if let Err(error) = done {
        tally.wrong(format!("1,000 partitions cannot be written and read: {error}"));
    }
    load.wait_for_progress()?;
    let crowd: Vec<TcpStream> =
        (0..CONNECTIONS).map_while(|_| TcpStream::connect(life.address()).ok()).collect();
    std::thread::sleep(Duration::from_millis(500));
    if let Some(status) = life.ended() {
        return Err(format!("it ended with {status}: {}", life.last_words()));
    }
    drop(crowd);
    load.wait_for_progress()
        .map_err(|error| format!("after the crowd had left: {error}: {}", life.last_words()))?;
    on(life.address(), async |wire| ask::topics(wire).await.map(drop))?;
    let live = life.health("ready") == Some(200);
    if !live {
        tally.wrong("it is not ready after the crowd had left".to_owned());
    }
    tally.say("lived and went on");
    Ok(())
}

async fn write(wire: &mut Wire, topic: &str) -> std::io::Result<()> {
    let batch = batches::one(b"one of many");
    let begun = Instant::now();
    let mut left: Vec<i32> = (0..PARTITIONS).collect();
    while !left.is_empty() {
        if begun.elapsed() > REPEAT_MAX {
            let text = format!("{topic}: {left:?} cannot be written for {REPEAT_MAX:?}");
            return Err(std::io::Error::other(text));
        }
        let frame = requests::produce(topic, left.into_iter(), -1, &batch);
        left = repeated(wire.exchange(&frame).await?)?;
    }
    Ok(())
}

/// The partitions that a client sends again.
fn repeated(mut answer: Bytes) -> std::io::Result<Vec<i32>> {
    let decoded = ResponseHeader::decode(&mut answer, 1)
        .and_then(|_| ProduceResponse::decode(&mut answer, requests::PRODUCE));
    let answer = decoded.map_err(std::io::Error::other)?;
    let partitions = answer.responses.into_iter().flat_map(|topic| topic.partition_responses);
    let mut again = Vec::new();
    for partition in partitions {
        match partition.error_code {
            STORAGE_ERROR => again.push(partition.index),
            code => expect_none("Produce", code)?,
        }
    }
    Ok(again)
}

async fn read(wire: &mut Wire, topic: &str, wanted: i64) -> std::io::Result<()> {
    for partition in 0..PARTITIONS {
        let asked = requests::fetch(topic, [(partition, 0)].into_iter(), (0, -1), 0, 1 << 20);
        let mut answer = wire.call(&asked, requests::FETCH).await?;
        let answer = answer.responses.remove(0).partitions.remove(0);
        expect_none("Fetch", answer.error_code)?;
        let found = batches::heads(&answer.records.unwrap_or_default()).len() as i64;
        if found != wanted {
            let text = format!("{topic}-{partition} has {found} batches instead of {wanted}");
            return Err(std::io::Error::other(text));
        }
    }
    Ok(())
}
