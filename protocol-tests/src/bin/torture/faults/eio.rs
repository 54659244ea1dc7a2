//! One write, sync or rename fails, of whatever the broker keeps. A partition whose file is hit
//! answers KAFKA_STORAGE_ERROR, its file is never synced again, and readiness is red;
//! where the broker itself lives on it (RocksDB, metadata, groups, folders that all share), the
//! broker ends within a second, with one message that names the file and the cause. After a start
//! on a disk that is well again all that was acknowledged is there.

use std::time::{Duration, Instant};

use protocol_tests::batches;
use protocol_tests::frail::{Call, Failing, Faults};

use super::life::Life;
use super::load::{Load, TOPIC, on};
use super::stand::Stand;
use super::{Fault, Tally, ask, judge, under_load};
use crate::requests::{self, check_produced};

/// KAFKA_STORAGE_ERROR.
const STORAGE_ERROR: i16 = 56;
/// How long the broker may take to end after the call that failed.
const END_MAX: Duration = Duration::from_secs(1);
/// How long a call of the kind may take to come, and clients to hear of what became of it.
const TOLD_MAX: Duration = Duration::from_secs(20);
/// Topic whose partitions are committed by groups, so that RocksDB has something to write.
const WIDE: &str = "wide";
const WIDE_PARTITIONS: i32 = 100;
/// Metadata beside each commit: the longest there may be.
const METADATA_BYTES: usize = 4096;
/// Groups that commit at a time: together more than RocksDB keeps in memory.
const GROUPS: usize = 11;
/// Snapshots of the metadata and segments of the groups' topic are small, so that there are many.
const SETTINGS: [&str; 2] =
    ["metadata.log.max.record.bytes.between.snapshots=4096", "offsets.topic.segment.bytes=1048576"];

/// What of a broker is hit.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Files of RocksDB with that in their name, and that ending.
    Rocks(&'static str, &'static str),
    /// `__cluster_metadata`.
    Metadata,
    /// `__consumer_offsets`.
    Offsets,
    /// An ordinary partition.
    Records,
    /// Folder of a topic that is deleted.
    Topic,
    /// Folder of all topics.
    Topics,
    /// The data directory.
    Data,
}

/// What is to lead to a call.
#[derive(Clone, Copy)]
enum By {
    /// The load alone.
    Load,
    /// Commits that RocksDB has to write tables for.
    Commits,
    /// A topic that gets its first record.
    NewTopic,
    /// Such a topic that is deleted.
    Deletion,
    /// A stop.
    Stop,
}

/// What must come of it.
#[derive(Clone, Copy)]
enum Then {
    Ends,
    Offline,
    GoesOn,
}

struct Kind {
    place: Place,
    call: Call,
    by: By,
    then: Then,
    /// How many more such calls may go before, because they come often.
    before_max: u64,
}

const fn ends(place: Place, call: Call, by: By, before_max: u64) -> Kind {
    Kind { place, call, by, then: Then::Ends, before_max }
}

const fn offline(call: Call, before_max: u64) -> Kind {
    Kind { place: Place::Records, call, by: By::Load, then: Then::Offline, before_max }
}

const LOG: Place = Place::Rocks("", ".log");
const TABLE: Place = Place::Rocks("", ".sst");
const MANIFEST: Place = Place::Rocks("MANIFEST", "");

const KINDS: [Kind; 19] = [
    ends(LOG, Call::Write, By::Load, 20),
    ends(LOG, Call::Sync, By::Stop, 0),
    ends(TABLE, Call::Write, By::Commits, 3),
    ends(TABLE, Call::Sync, By::Commits, 3),
    ends(MANIFEST, Call::Write, By::Commits, 2),
    ends(MANIFEST, Call::Sync, By::Commits, 2),
    ends(Place::Offsets, Call::Write, By::Load, 20),
    ends(Place::Offsets, Call::Sync, By::Load, 20),
    ends(Place::Offsets, Call::SyncFolder, By::Commits, 2),
    ends(Place::Metadata, Call::Write, By::Load, 10),
    ends(Place::Metadata, Call::Sync, By::Load, 10),
    ends(Place::Metadata, Call::SyncFolder, By::Load, 1),
    ends(Place::Metadata, Call::Rename, By::Load, 1),
    offline(Call::Write, 50),
    offline(Call::Sync, 50),
    offline(Call::SyncFolder, 5),
    Kind {
        place: Place::Topic,
        call: Call::Rename,
        by: By::Deletion,
        then: Then::GoesOn,
        before_max: 3,
    },
    ends(Place::Topics, Call::SyncFolder, By::NewTopic, 0),
    ends(Place::Data, Call::SyncFolder, By::NewTopic, 0),
];

pub const FAULT: Fault = Fault {
    name: "eio",
    about: "EIO on the N-th write, sync or rename of each kind of file, N from 1 on",
    times: (5 * KINDS.len(), KINDS.len()),
    mounts: true,
    run: |tally, times| {
        for _ in 0..times / KINDS.len() {
            round(tally)?;
        }
        Ok(())
    },
};

/// What the kinds of one round share.
struct Round {
    stand: Stand,
    load: Load,
    /// Folders of the topics that are written, as they are named.
    records: String,
    offsets: String,
}

fn round(tally: &mut Tally) -> Result<(), String> {
    let mut stand = Stand::new("eio", &SETTINGS)?;
    let load = under_load(tally, &mut stand.life)?;
    let [records, offsets] = on(stand.life.address(), async |wire| {
        ask::create(wire, WIDE, WIDE_PARTITIONS, &[]).await?;
        Ok([ask::topic_id(wire, TOPIC).await?, ask::topic_id(wire, "__consumer_offsets").await?])
    })?;
    let mut round = Round { stand, load, records, offsets };
    for kind in &KINDS {
        once(tally, &mut round, kind).map_err(|error| {
            format!("{}: {error}: {}", kind.name(), round.stand.life.last_words())
        })?;
        if !tally.is_good() {
            break;
        }
    }
    round.load.pause();
    tally.add_load(&round.load);
    Ok(())
}

fn once(tally: &mut Tally, round: &mut Round, kind: &Kind) -> Result<(), String> {
    let left = tally.chance.below(kind.before_max + 1);
    round.stand.life.news();
    let failing = kind.failing(round, left);
    round.stand.disk.set(Faults { failing: Some(failing), ..Faults::default() });
    let (failed, at) = provoke(round, kind)?;
    tally.count();
    let Round { stand, load, .. } = round;
    let said = match kind.then {
        Then::Ends => {
            must_end(tally, &mut stand.life, &failed, at);
            "ended within a second"
        }
        Then::Offline => {
            must_be_offline(tally, &mut stand.life, load, &failed)?;
            "storage error, not ready"
        }
        Then::GoesOn => {
            load.wait_for_progress()?;
            "went on"
        }
    };
    tally.say(format!("{}: {said}", kind.name()));
    must_tell(tally, &stand.life.news(), &failed, matches!(kind.then, Then::GoesOn));
    let again = stand.disk.seen().again;
    if again > 0 {
        tally.wrong(format!("{failed} was synced {again} times after a call had failed"));
    }
    stand.life.kill();
    load.pause();
    stand.heal(tally)?;
    judge(tally, &stand.life, load)?;
    load.told().codes.clear();
    load.resume();
    load.wait_for_progress()
}

/// Leads to the call that fails. Answers of which file or folder it was asked, and when.
fn provoke(round: &Round, kind: &Kind) -> Result<(String, Instant), String> {
    let begun = Instant::now();
    let address = round.stand.life.address();
    if let By::Stop = kind.by {
        round.stand.life.ask_to_stop()?;
    }
    for count in 0.. {
        if let Some(failed) = round.stand.disk.seen().failed {
            return Ok(failed);
        }
        if begun.elapsed() > TOLD_MAX {
            return Err("there was no such call".to_owned());
        }
        // From the call that fails on, what is asked here may fail too.
        match kind.by {
            By::Load | By::Stop => std::thread::sleep(Duration::from_millis(1)),
            By::Commits => drop(on(address, async |wire| {
                for group in 0..GROUPS {
                    let (group, text) = (format!("wide-{group}"), "x".repeat(METADATA_BYTES));
                    ask::commit_wide(wire, &group, WIDE, WIDE_PARTITIONS, &text).await?;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
                Ok(())
            })),
            By::NewTopic | By::Deletion => drop(on(address, async |wire| {
                let name = format!("{}-{:?}-{count}", kind.name(), kind.call).replace(' ', "-");
                ask::create(wire, &name, 1, &[]).await?;
                let frame = requests::produce(&name, 0..1, -1, &batches::one(b"first"));
                check_produced(wire.exchange(&frame).await?)?;
                match kind.by {
                    By::Deletion => requests::delete(wire, &name).await,
                    _ => Ok(()),
                }
            })),
        }
    }
    unreachable!("the loop ends with an answer")
}

fn must_end(tally: &mut Tally, life: &mut Life, failed: &str, at: Instant) {
    let Some(status) = life.wait(TOLD_MAX) else {
        return tally.wrong(format!("{failed}: it went on"));
    };
    let took = at.elapsed();
    if took > END_MAX {
        tally.wrong(format!("{failed}: it ended only after {took:?}"));
    }
    if status.code() != Some(1) {
        tally.wrong(format!("{failed}: it ended with {status}"));
    }
}

fn must_be_offline(
    tally: &mut Tally,
    life: &mut Life,
    load: &Load,
    failed: &str,
) -> Result<(), String> {
    load.until("clients hear of it", |told| told.codes.contains_key(&("Produce", STORAGE_ERROR)))?;
    if life.health("ready") != Some(503) {
        tally.wrong(format!("{failed}: it is ready"));
    }
    if let Some(status) = life.ended() {
        tally.wrong(format!("{failed}: it ended with {status}"));
    }
    Ok(())
}

/// One message names the file, or the folder it lies in, and the cause.
fn must_tell(tally: &mut Tally, log: &str, failed: &str, is_bearable: bool) {
    let errors: Vec<&str> = log.lines().filter(|line| line.contains("ERROR")).collect();
    let told: Vec<&str> = match is_bearable {
        true => log.lines().filter(|line| line.contains("WARN")).collect(),
        false => errors.clone(),
    };
    let folder = failed.rsplit_once('/').map_or(failed, |(folder, _)| folder);
    let is_clear = |line: &&&str| line.contains(folder) && line.contains("Input/output error");
    let clear = told.iter().filter(is_clear).count();
    if clear != 1 || errors.len() != usize::from(!is_bearable) {
        tally.wrong(format!("{failed}: it says {told:?}, errors {errors:?}"));
    }
}

impl Kind {
    fn name(&self) -> &'static str {
        match self.place {
            Place::Rocks(..) => "RocksDB",
            Place::Metadata => "metadata",
            Place::Offsets => "groups",
            Place::Records => "records",
            Place::Topic => "a deleted topic",
            Place::Topics | Place::Data => "folders of all",
        }
    }

    fn failing(&self, round: &Round, left: u64) -> Failing {
        let (part, ending) = match self.place {
            Place::Rocks(part, ending) => (format!("/rocksdb/{part}"), ending),
            Place::Metadata => ("/__cluster_metadata-0".to_owned(), ""),
            Place::Offsets => (format!("/topics/{}/", round.offsets), ""),
            Place::Records => (format!("/topics/{}/", round.records), ""),
            Place::Topic => ("/topics/".to_owned(), ""),
            Place::Topics => (String::new(), "/topics"),
            Place::Data => (String::new(), "/data"),
        };
        Failing { call: self.call, part, ending: ending.to_owned(), left }
    }
}
