//! Draws a history from a seed, carries it out, and compares what is there with what must be.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};

use super::Mistake;
use super::commits::Commits;
use super::crowd::Crowd;
use super::house::{House, rocks_folder};
use super::model::{Batch, LogModel, damage_at, read_all};
use crate::clock::{Clock, Manual};
use crate::config::{NodeConfig, Sources};
use crate::coordinator::groups::{OFFSETS_TOPIC, tests as groups};
use crate::kernel::group::Error;
use crate::kernel::log::epochs::Epoch;
use crate::kernel::meta::Command;
use crate::kernel::meta::command::{CreateTopics, Defaults, NewTopic, TopicRef};
use crate::kernel::types::{Offset, TopicIdPartition, Uuid};
use crate::storage::append::Appended;
use crate::storage::cleaner;
use crate::storage::disk::Disk;
use crate::storage::error::{AppendError, ReadError, StorageError};
use crate::storage::janitor;
use crate::storage::layout;
use crate::storage::partition::{Partition, VITAL};
use crate::storage::reader::{self, Patience, Read};
use crate::storage::recover::recover;
use crate::storage::rocks::Rocks;
use crate::storage::schema::group_record;
use crate::storage::sim_disk::{Chance, Ended, Faults, Plant, SimDisk};
use crate::storage::space::Space;

/// Where the date stands at first.
const DATE: i64 = 1_700_000_000_000;

/// A disk that does what it is told.
const NO_FAULTS: Faults = Faults {
    write_fails: 0,
    write_full: 0,
    short: 0,
    interrupted: 0,
    sync_fails: 0,
    folder_sync_fails: 0,
    read_fails: 0,
    rename_fails: 0,
    create_fails: 0,
};

/// Age at which records of a topic with retention may go.
const RETENTION_MS: i64 = 60_000;

/// Age at which offsets of groups may go.
const OFFSETS_RETENTION_MS: i64 = 60_000;

/// Most topics at a time.
const TOPICS_MAX: usize = 3;

static FOLDERS: AtomicU32 = AtomicU32::new(0);

/// What came of a seed.
pub struct Report {
    pub seed: u64,
    pub failure: Option<String>,
    pub trace: Vec<String>,
    pub starts: u64,
    pub calls: u64,
    /// Assignments, commits and heartbeats of members that were taken.
    pub heard: [u64; 3],
}

type Durable = Pin<Box<dyn Future<Output = Result<(), StorageError>>>>;

/// A producer that waits for acks=all.
struct Pending {
    id: TopicIdPartition,
    end_offset: Offset,
    durable: Durable,
}

struct Topic {
    id: Uuid,
    name: String,
    /// Whether it must be there; unknown if a command that made or deleted it failed.
    is_there: Option<bool>,
    logs: Vec<LogModel>,
}

/// A run.
pub struct Driver {
    seed: u64,
    chance: Chance,
    faults: Faults,
    folder: PathBuf,
    older_rocks: PathBuf,
    disk: Arc<SimDisk>,
    manual: Arc<Manual>,
    clock: Clock,
    config: NodeConfig,
    house: Option<House>,
    topics: Vec<Topic>,
    topics_made: u8,
    commits: Commits,
    crowd: Crowd,
    mistake: Mistake,
    /// Whether groups cannot be read any more, and are not looked at.
    groups_lost: bool,
    pending: Vec<Pending>,
    values: u64,
    starts: u64,
    trace: Vec<String>,
    failure: Option<String>,
}

type Checked = Result<(), String>;

fn scratch() -> PathBuf {
    let shared = Path::new("/dev/shm");
    let parent = if shared.is_dir() { shared.to_owned() } else { std::env::temp_dir() };
    let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
    parent.join(format!("felice-sim-{}-{number}", std::process::id()))
}

fn draw_faults(chance: &mut Chance) -> Faults {
    if chance.happens(1_000) {
        return Faults { read_fails: 1 + chance.below(500) as u32, ..Faults::default() };
    }
    let mut rate = |most: usize| if chance.happens(5_000) { chance.below(most) as u32 } else { 0 };
    Faults {
        write_fails: rate(150),
        write_full: rate(150),
        short: rate(3_000),
        interrupted: rate(2_000),
        sync_fails: rate(200),
        folder_sync_fails: rate(200),
        read_fails: rate(100),
        rename_fails: rate(300),
        create_fails: rate(300),
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.pending.clear();
        self.house = None;
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Driver {
    /// The run of a seed.
    pub fn new(seed: u64, plant: Plant, mistake: Mistake) -> Driver {
        let mut chance = Chance::new(seed);
        let faults = match (plant, mistake) {
            (Plant::Sound, Mistake::Sound) if chance.happens(6_000) => draw_faults(&mut chance),
            (_, Mistake::ReadPoisons) => Faults { read_fails: 500, ..Faults::default() },
            (_, Mistake::LivesOn) => Faults { write_fails: 100, ..Faults::default() },
            // What is planted must not hide behind a disk that fails by itself.
            _ => Faults::default(),
        };
        let folder = scratch();
        std::fs::create_dir_all(&folder).unwrap();
        let older_rocks = rocks_folder(&folder).with_extension("synced");
        let disk = Arc::new(SimDisk::new(&folder, chance.draw(), Faults::default(), plant));
        let manual = Arc::new(Manual::at(DATE));
        let set = [
            "offsets.retention.minutes=1",
            "offsets.retention.check.interval.ms=20000",
            "group.initial.rebalance.delay.ms=1000",
        ];
        let set = set.map(str::to_owned).to_vec();
        let sources = Sources { set, ..Sources::default() };
        let config = NodeConfig::load(&sources).unwrap();
        Driver {
            seed,
            chance,
            faults,
            folder,
            older_rocks,
            disk,
            clock: Clock::Manual(Arc::clone(&manual)),
            manual,
            config,
            house: None,
            topics: Vec::new(),
            topics_made: 0,
            commits: Commits::default(),
            crowd: Crowd::new(faults.write_full == 0, mistake),
            mistake,
            groups_lost: false,
            pending: Vec::new(),
            values: 0,
            starts: 0,
            trace: Vec::new(),
            failure: None,
        }
    }

    /// Carries the history out, up to the first promise that is broken.
    pub fn run(&mut self) {
        self.failure = self.history().err();
    }

    /// What came of it.
    pub fn report(mut self) -> Report {
        Report {
            seed: self.seed,
            failure: self.failure.take(),
            trace: std::mem::take(&mut self.trace),
            starts: self.starts,
            calls: self.disk.calls(),
            heard: self.crowd.heard,
        }
    }

    fn note(&mut self, text: impl Into<String>) {
        // Two runs of a seed have folders of their own.
        let folder = self.folder.display().to_string();
        self.trace.push(text.into().replace(&folder, ""));
    }

    fn house(&self) -> &House {
        self.house.as_ref().expect("it is open between starts")
    }

    fn history(&mut self) -> Checked {
        self.start(true)?;
        for _ in 0..3 + self.chance.below(3) {
            for _ in 0..15 + self.chance.below(50) {
                self.step_or_end()?;
            }
            let kept = match self.chance.below(4) {
                0 => self.stop()?,
                1 => self.kill(),
                _ => self.crash()?,
            };
            self.start(kept)?;
        }
        Ok(())
    }

    /// Takes a step. Where the process ends with it, it is started again.
    fn step_or_end(&mut self) -> Checked {
        let step = AssertUnwindSafe(|| self.step());
        let stepped = catch_unwind(step).unwrap_or_else(|panic| match panic.is::<Ended>() {
            true => Ok(()),
            false => resume_unwind(panic),
        });
        let Some(reason) = self.disk.ended() else { return stepped };
        self.note(format!("the process ended: {reason}"));
        let Driver { crowd, house, .. } = self;
        crowd.observe(house.as_ref().expect("it is open between starts"))?;
        for partition in self.house().partitions.all() {
            let start = partition.log_start_offset();
            if let Some(log) = self.log(partition.id) {
                log.start_max = log.start_max.max(start);
            }
        }
        self.kill();
        self.start(false)
    }

    fn step(&mut self) -> Checked {
        match self.chance.below(120) {
            0..=36 => self.append()?,
            37..=41 => self.commit(),
            42..=54 => self.fetch()?,
            100..=115 => self.group_step(),
            116..=119 => self.rally()?,
            55..=69 => {
                let synced = self.house().step();
                self.note(format!("synced {synced} partitions"));
            }
            70..=74 => self.delete_records()?,
            75..=78 => self.retain()?,
            79..=82 => {
                let cleaned = cleaner::clean_once(&self.house().partitions, &self.clock);
                self.note(format!("cleaned: {cleaned}"));
            }
            83..=85 => {
                janitor::checkpoint_grown(&self.house().partitions);
                self.house().step_view();
                self.note("checkpoints");
            }
            86..=87 => {
                let written = self.house().snapshot(self.clock.now()).is_ok();
                self.note(format!("snapshot: {written}"));
            }
            88..=91 => self.create_topic(),
            92 => self.delete_topic(),
            _ => {
                let ms = 1 + self.chance.below(10_000) as i64;
                self.manual.advance(ms);
                self.house().step_deadlines();
                self.note(format!("{ms} ms"));
            }
        }
        self.settle()
    }

    /// Answers the producers whose records became durable, and looks at what only ever grows.
    fn settle(&mut self) -> Checked {
        let mut cx = Context::from_waker(Waker::noop());
        for mut pending in std::mem::take(&mut self.pending) {
            match pending.durable.as_mut().poll(&mut cx) {
                Poll::Pending => self.pending.push(pending),
                Poll::Ready(Ok(())) => {
                    if let Some(log) = self.log(pending.id) {
                        log.acked = log.acked.max(pending.end_offset);
                    }
                }
                Poll::Ready(Err(_)) => {}
            }
        }
        self.settle_groups()?;
        for partition in self.house().partitions.all() {
            let high_watermark = partition.high_watermark();
            let Some(log) = self.log(partition.id) else { continue };
            if high_watermark < log.high_watermark {
                return Err(format!("the high watermark fell to {high_watermark}: {log:?}"));
            }
            log.high_watermark = high_watermark;
            log.failed |= partition.check_online().is_err();
        }
        self.check_online()?;
        match self.disk.violations().pop() {
            Some(violation) => Err(violation),
            None => Ok(()),
        }
    }

    fn log(&mut self, id: TopicIdPartition) -> Option<&mut LogModel> {
        let logs = self.topics.iter_mut().flat_map(|topic| &mut topic.logs);
        logs.into_iter().find(|log| log.id == id)
    }

    /// A partition that is open, by chance.
    fn any_partition(&mut self) -> Option<Arc<Partition>> {
        let mut all = self.house().partitions.all();
        all.retain(|partition| *partition.topic != *OFFSETS_TOPIC);
        if all.is_empty() {
            return None;
        }
        let at = self.chance.below(all.len());
        Some(Arc::clone(&all[at]))
    }

    fn draw_batch(&mut self, id: TopicIdPartition) -> (Batch, Option<Offset>) {
        let timestamp = self.clock.now() - self.chance.below(5_000) as i64;
        let count = 1 + self.chance.below(3);
        let pairs = (0..count).map(|_| {
            self.values += 1;
            let value = Some(self.values).filter(|_| !self.chance.happens(1_000));
            (self.chance.below(5) as u8, value)
        });
        let pairs = pairs.collect();
        let filler = self.chance.below(400);
        let producer = self.chance.below(4) as i64;
        let again = self.chance.happens(2_000);
        let log = self.log(id).expect("every open partition is known");
        if producer < 2 {
            return (Batch { timestamp, producer: None, pairs, filler }, None);
        }
        if let (true, Some((base_offset, batch))) = (again, log.last_of(producer)) {
            return (batch.clone(), Some(base_offset));
        }
        let producer = Some((producer, log.sequence_of(producer)));
        (Batch { timestamp, producer, pairs, filler }, None)
    }

    fn append(&mut self) -> Checked {
        let Some(partition) = self.any_partition() else { return Ok(()) };
        let (batch, again) = self.draw_batch(partition.id);
        let start = partition.log_start_offset();
        let now = self.clock.now();
        let result = partition.append(&mut [batch.prepare()], now).pop().expect("one for each");
        let (topic, index) = (&partition.topic, partition.id.partition);
        self.note(format!("append {topic}-{index} {batch:?} {again:?}: {result:?}"));
        let awaited = self.chance.happens(5_000);
        let log = self.log(partition.id).expect("every open partition is known");
        let Appended { base_offset, end_offset, duplicate_of, .. } = match result {
            Ok(appended) => appended,
            // As if nobody had asked.
            Err(AppendError::Storage(StorageError::Full)) => return Ok(()),
            Err(AppendError::Storage(_)) => {
                log.tried(batch);
                return Ok(());
            }
            Err(error) => return Err(format!("refused with {error}: {log:?}")),
        };
        match (again, duplicate_of) {
            (Some(first), Some(_)) if first == base_offset => {}
            // Its first copy may be gone, and the producer with it.
            (Some(first), None) if first < start => log.appended(base_offset, batch)?,
            (None, None) => log.appended(base_offset, batch)?,
            _ => return Err(format!("a batch of {again:?} was answered with {base_offset}")),
        }
        if awaited {
            let id = partition.id;
            let durable: Durable = Box::pin(async move { partition.durable(end_offset).await });
            self.pending.push(Pending { id, end_offset, durable });
        }
        Ok(())
    }

    /// A topic that groups may read, and an offset of it; the topic that groups are kept in is
    /// there.
    fn something_to_commit(&mut self) -> Option<(String, Offset)> {
        let there = self.topics.iter().filter(|topic| topic.is_there == Some(true));
        let there: Vec<_> = there.map(|topic| topic.name.clone()).collect();
        if there.is_empty() {
            return None;
        }
        let topic = there[self.chance.below(there.len())].clone();
        self.values += 1;
        let id = Uuid(u128::MAX.wrapping_sub(self.values.into()).to_be_bytes());
        let offset = self.values as Offset;
        self.house().make_offsets_topic(id).then_some((topic, offset))
    }

    fn commit(&mut self) {
        let Some((topic, offset)) = self.something_to_commit() else { return };
        let group = format!("g{}", self.chance.below(3));
        let number = self.commits.tried(&group, &topic, offset, self.clock.now());
        let committed = self.house().commit(&group, &topic, offset);
        self.note(format!("commit {group} {topic} {offset}: {committed:?}"));
        match committed {
            Ok(()) => self.commits.accepted(number),
            // It may have been written, and the answer lost.
            Err(Error::NotCoordinator | Error::CoordinatorNotAvailable) => {}
            Err(_) => self.commits.refused(number),
        }
    }

    fn group_step(&mut self) {
        let Some((topic, offset)) = self.something_to_commit() else { return };
        let now = self.clock.now();
        let Driver { crowd, house, chance, commits, .. } = self;
        let house = house.as_ref().expect("it is open between starts");
        let text = crowd.step(house, chance, commits, &topic, (offset, now));
        self.note(text);
    }

    /// All clients of a group do what consumers do, until it has settled or nearly so.
    fn rally(&mut self) -> Checked {
        let Some((topic, _)) = self.something_to_commit() else { return Ok(()) };
        let group = self.chance.below(2);
        for _ in 0..6 {
            let Driver { crowd, house, chance, .. } = self;
            let house = house.as_ref().expect("it is open between starts");
            crowd.all_go_on(house, chance, group, &topic);
            self.manual.advance(1_100);
            let Driver { crowd, house, .. } = self;
            let house = house.as_ref().expect("it is open between starts");
            house.step_deadlines();
            crowd.note_gone(house);
            if self.chance.happens(7_000) {
                self.house().step();
            }
            self.settle_groups()?;
        }
        self.note(format!("m{group} rallies"));
        Ok(())
    }

    fn settle_groups(&mut self) -> Checked {
        let Driver { crowd, house, commits, .. } = self;
        let house = house.as_ref().expect("it is open between starts");
        crowd.settle(house, commits)
    }

    /// What must not be offline is not: where the broker cannot keep its own state the process
    /// ends, and a failed read costs nothing but an answer.
    fn check_online(&self) -> Checked {
        let house = self.house();
        let is_poisoned =
            |partition: &Partition| matches!(partition.check_online(), Err(StorageError::Poisoned));
        let only_reads = self.faults == Faults { read_fails: self.faults.read_fails, ..NO_FAULTS };
        for partition in house.partitions.all().iter().chain([&house.metadata]) {
            let is_vital = VITAL.contains(&&*partition.topic);
            if is_poisoned(partition) && is_vital && self.disk.ended().is_none() {
                return Err(format!("the process goes on without {}", partition.topic));
            }
            if is_poisoned(partition) && only_reads {
                return Err(format!("a failed read took {} offline", partition.topic));
            }
        }
        Ok(())
    }

    /// Groups and offsets are what was promised, and what the log alone gives.
    fn check_groups(&mut self) -> Checked {
        let now = self.clock.now();
        let Driver { crowd, house, commits, .. } = self;
        let house = house.as_ref().expect("it is open between starts");
        for partition in house.partitions.all() {
            if *partition.topic != *OFFSETS_TOPIC || house.groups.picture(partition.id).is_some() {
                continue;
            }
            // Without the view nobody can tell what a crash tore from what was answered for.
            let has_view = house.rocks.get(&group_record::applied_key(partition.id)).is_some();
            match damage_at(&partition, 0) {
                Some(_) if !has_view => self.groups_lost = true,
                damage => return Err(format!("groups are not served, damage {damage:?}")),
            }
        }
        if self.groups_lost {
            return Ok(());
        }
        let checked = commits.check(house, now, OFFSETS_RETENTION_MS);
        checked.and_then(|()| crowd.restarted(house)).map_err(|fault| {
            let offsets = house.partitions.all().into_iter().filter(|p| *p.topic == *OFFSETS_TOPIC);
            let kept: Vec<_> = offsets.map(|p| house.groups.picture(p.id)).collect();
            format!("{fault}; kept is {kept:?}")
        })?;
        for partition in house.partitions.all() {
            if *partition.topic != *OFFSETS_TOPIC {
                continue;
            }
            let folded = groups::fold(&read_all(&partition, &house.partitions)?);
            let restored = house.groups.picture(partition.id).ok_or("groups are not served")?;
            if folded != restored {
                return Err(format!("groups restored {restored:?}, folded {folded:?}"));
            }
        }
        Ok(())
    }

    fn fetch(&mut self) -> Checked {
        let Some(partition) = self.any_partition() else { return Ok(()) };
        let was_online = partition.check_online().is_ok();
        let (start, end) = (partition.log_start_offset(), partition.high_watermark());
        let offset = start + self.chance.below((end - start) as usize + 1) as Offset;
        let bytes_max = 1 + self.chance.below(3_000) as u64;
        let indexes = self.house().partitions.indexes();
        let read = reader::read(&partition, indexes, offset, bytes_max, true, Patience::Wait);
        let slice = match read {
            Ok(Read::Slice(slice)) => slice,
            Ok(Read::Empty) if self.log(partition.id).is_some_and(|log| log.ends_by(offset)) => {
                return Ok(());
            }
            Err(_) if !was_online => return Ok(()),
            Err(ReadError::Storage(StorageError::Io(error))) => {
                if self.mistake == Mistake::ReadPoisons {
                    partition.poison(&error);
                }
                self.note(format!("fetch {offset}: {error}"));
                return Ok(());
            }
            Err(ReadError::Corrupt) => {
                let damage = damage_at(&partition, offset);
                let log = self.log(partition.id).expect("every open partition is known");
                return match damage {
                    Some((from, _)) if log.is_empty_between(offset, from) => Ok(()),
                    damage => Err(format!("fetch {offset} is refused for damage {damage:?}")),
                };
            }
            other => return Err(format!("fetch {offset} of {start}..{end}: {other:?}")),
        };
        let mut bytes = vec![0; slice.length as usize];
        let filled = Disk::Os.read_at(&slice.file, &mut bytes, slice.position);
        bytes.truncate(filled.map_err(|error| error.to_string())?);
        // The last batch may be cut off.
        let mut batches = crate::kernel::batch::batches(&bytes);
        let _ = batches.by_ref().take_while(Result::is_ok).count();
        let whole = batches.position();
        let log = self.log(partition.id).expect("every open partition is known");
        let next = log.check_bytes(offset, &bytes[..whole])?;
        let (topic, index) = (&partition.topic, partition.id.partition);
        self.note(format!("fetch {topic}-{index} from {offset} to {next}"));
        Ok(())
    }

    fn delete_records(&mut self) -> Checked {
        let Some(partition) = self.any_partition() else { return Ok(()) };
        let (start, end) = (partition.log_start_offset(), partition.high_watermark());
        let wanted = start + self.chance.below((end - start) as usize + 1) as Offset;
        let Ok(offset) = partition.start_after_deletion(Some(wanted)) else { return Ok(()) };
        if partition.synced_offset() < offset {
            partition.ask_sync();
            self.house().step();
        }
        if partition.synced_offset() < offset {
            return Ok(());
        }
        let deleted = partition.delete_before(offset);
        let log = self.log(partition.id).expect("every open partition is known");
        log.start_max = log.start_max.max(offset);
        if let Ok(start) = deleted {
            log.start_min = log.start_min.max(start);
            // What was waited for was durable.
            log.acked = log.acked.max(offset);
        }
        let (topic, index) = (&partition.topic, partition.id.partition);
        self.note(format!("delete {topic}-{index} before {offset}: {deleted:?}"));
        Ok(())
    }

    fn retain(&mut self) -> Checked {
        let now = self.clock.now();
        let partitions = Arc::clone(&self.house().partitions);
        janitor::retain(&partitions, now);
        let next = janitor::remove_condemned(&partitions, now);
        self.note(format!("retention, files to remove at {next:?}"));
        for partition in partitions.all() {
            let start = partition.log_start_offset();
            let Some(log) = self.log(partition.id) else { continue };
            let gone = log
                .batches
                .range(log.start_max.min(start)..start)
                .map(|(_, batch)| batch.timestamp);
            // What compaction has emptied goes whatever its age.
            let is_young = gone.max().is_some_and(|newest| now - newest <= RETENTION_MS);
            if is_young && !log.compacted {
                return Err(format!("retention took young records before {start}: {log:?}"));
            }
            log.start_max = log.start_max.max(start);
        }
        Ok(())
    }

    fn create_topic(&mut self) {
        if self.topics.len() >= TOPICS_MAX {
            return;
        }
        self.topics_made += 1;
        let id = Uuid([self.topics_made; 16]);
        let name = format!("t{}", self.topics_made);
        let compacted = self.chance.happens(4_000);
        let partition_count = 1 + self.chance.below(2) as i32;
        let retention_ms = RETENTION_MS.to_string();
        let policy = if compacted { "compact" } else { "delete" };
        let settings = [
            ("cleanup.policy", policy),
            ("internal.segment.bytes", "2048"),
            ("index.interval.bytes", "300"),
            ("segment.ms", "30000"),
            ("retention.ms", &retention_ms),
            ("file.delete.delay.ms", "5000"),
            ("min.cleanable.dirty.ratio", "0.1"),
            // Tombstones stay, so that the newest value of a key is easy to tell.
            ("delete.retention.ms", "1000000000"),
        ];
        let config = |(key, value): (&str, &str)| (Arc::from(key), Some(Arc::from(value)));
        let topic = NewTopic {
            name: Arc::from(&*name),
            id,
            partition_count,
            replication_factor: 1,
            assignments: Vec::new(),
            configs: settings.map(config).to_vec(),
        };
        let command = Command::CreateTopics(CreateTopics {
            topics: vec![topic],
            validate_only: false,
            defaults: Defaults { partition_count: 1, replication_factor: 1 },
            partitions_max: 10,
        });
        let logs = (0..partition_count).map(|partition| {
            LogModel::new(TopicIdPartition { topic_id: id, partition }, compacted)
        });
        // The process may end over it.
        let topic = Topic { id, name: name.clone(), is_there: None, logs: logs.collect() };
        self.topics.push(topic);
        let created = self.house().execute(command);
        self.note(format!("create {name}, {partition_count} partitions: {created:?}"));
        let topic = self.topics.last_mut().expect("it was just added");
        topic.is_there = created.is_ok().then_some(true);
    }

    fn delete_topic(&mut self) {
        if self.topics.is_empty() {
            return;
        }
        let at = self.chance.below(self.topics.len());
        if self.topics[at].is_there.is_none() {
            return;
        }
        let name = Arc::from(&*self.topics[at].name);
        let command = Command::DeleteTopics(vec![TopicRef::Name(name)]);
        self.topics[at].is_there = None;
        let deleted = self.house().execute(command);
        let gone = self.topics[at].name.clone();
        self.commits.topic_gone(&gone);
        let topic = &mut self.topics[at];
        topic.is_there = deleted.is_ok().then_some(false);
        let text = format!("delete {}: {deleted:?}", topic.name);
        self.note(text);
        if deleted.is_ok() {
            // It stays in the list until a start has shown that it is gone.
            topic_gone(&mut self.topics[at]);
        }
    }

    fn stop(&mut self) -> Result<bool, String> {
        self.note("stop");
        self.spoil();
        let house = self.house.take().expect("it is open between starts");
        self.crowd.cut_off();
        let closed = catch_unwind(AssertUnwindSafe(|| house.close())).unwrap_or(false);
        let kept = closed && self.disk.ended().is_none();
        self.settle_last()?;
        self.disk.restart();
        Ok(kept)
    }

    /// Makes the mistake that is planted in what RocksDB keeps.
    fn spoil(&self) {
        let Some(house) = &self.house else { return };
        match self.mistake {
            Mistake::ViewSpoiled => house.spoil_view(),
            Mistake::CheckpointSpoiled => house.spoil_checkpoints(),
            _ => {}
        }
    }

    /// What became durable while the broker stopped.
    fn settle_last(&mut self) -> Checked {
        let mut cx = Context::from_waker(Waker::noop());
        for mut pending in std::mem::take(&mut self.pending) {
            let answered = pending.durable.as_mut().poll(&mut cx);
            if let (Poll::Ready(Ok(())), Some(log)) = (answered, self.log(pending.id)) {
                log.acked = log.acked.max(pending.end_offset);
            }
        }
        Ok(())
    }

    /// The process ends, the machine goes on.
    fn kill(&mut self) -> bool {
        self.note("kill");
        self.spoil();
        self.pending.clear();
        self.crowd.cut_off();
        self.house = None;
        self.disk.restart();
        true
    }

    /// The power goes.
    fn crash(&mut self) -> Result<bool, String> {
        self.pending.clear();
        self.crowd.cut_off();
        self.house = None;
        self.disk.crash();
        let rocks = rocks_folder(&self.folder);
        let fate = match self.chance.below(3) {
            0 => "kept",
            1 => {
                std::fs::remove_dir_all(&rocks).map_err(|error| error.to_string())?;
                "lost"
            }
            _ => {
                std::fs::remove_dir_all(&rocks).map_err(|error| error.to_string())?;
                copy_folder(&self.older_rocks, &rocks).map_err(|error| error.to_string())?;
                "older"
            }
        };
        self.note(format!("crash, RocksDB {fate}"));
        Ok(false)
    }

    /// Starts the broker, however often it takes, and checks what it comes back with.
    fn start(&mut self, mut kept: bool) -> Checked {
        let rocks = rocks_folder(&self.folder);
        // No crash brings back what was before this.
        let _ = std::fs::remove_dir_all(&self.older_rocks);
        if rocks.exists() {
            copy_folder(&rocks, &self.older_rocks).map_err(|error| error.to_string())?;
        } else {
            std::fs::create_dir_all(&self.older_rocks).map_err(|error| error.to_string())?;
        }
        self.disk.set_faults(self.faults);
        let house = match self.open() {
            Ok(house) => house,
            Err(error) => {
                self.note(format!("start failed: {error}"));
                // A sync that failed may have lost what nobody was promised.
                kept = false;
                self.disk.restart();
                self.disk.set_faults(Faults::default());
                self.open().map_err(|error| format!("the broker does not start: {error}"))?
            }
        };
        self.house = Some(house);
        self.starts += 1;
        self.note("started");
        self.disk.set_faults(Faults::default());
        self.check_topics()?;
        self.check_topic_folders()?;
        self.check_groups()?;
        let partitions = Arc::clone(&self.house().partitions);
        for partition in partitions.all() {
            let id = partition.id;
            if *partition.topic == *OFFSETS_TOPIC {
                continue;
            }
            let log = self.log(id).ok_or_else(|| format!("{id:?} was never made"))?;
            // A sync that failed while the broker started took the partition away.
            if partition.check_online().is_err() {
                (log.failed, log.high_watermark) = (true, partition.high_watermark());
                continue;
            }
            let checked = read_all(&partition, &partitions).and_then(|bytes| {
                log.restarted(&partition, &bytes, kept)?;
                log.check_all(&partition, &bytes)
            });
            checked.map_err(|fault| {
                let files = Disk::Os.list(&partition.folder).unwrap_or_default();
                let files: Vec<_> = files.iter().map(|entry| &entry.name).collect();
                let segments = &partition.state().log.segments;
                format!("{fault} ({id:?}, segments {segments:?}, files {files:?})")
            })?;
            self.check_fold(&partition)?;
        }
        self.disk.set_faults(self.faults);
        Ok(())
    }

    /// Opens everything. The process may end over it.
    fn open(&self) -> Result<House, String> {
        let disk = Disk::Simulated(Arc::clone(&self.disk));
        let ends = self.mistake != Mistake::LivesOn;
        let open = || House::open(&self.folder, disk, &self.clock, &self.config, ends);
        let opened = catch_unwind(AssertUnwindSafe(open)).unwrap_or_else(|panic| {
            if !panic.is::<Ended>() {
                resume_unwind(panic);
            }
            Err("the process ended".to_owned())
        });
        match self.disk.ended() {
            Some(reason) => Err(reason),
            None => opened,
        }
    }

    fn check_topics(&mut self) -> Checked {
        let image = self.house().control.image();
        for topic in &mut self.topics {
            let is_there = image.topic_by_id(&topic.id).is_some();
            if topic.is_there.is_some_and(|known| known != is_there) {
                return Err(format!("topic {} is there: {is_there}", topic.name));
            }
            topic.is_there = Some(is_there);
            if !is_there {
                self.commits.topic_gone(&topic.name);
            }
        }
        self.topics.retain(|topic| topic.is_there == Some(true));
        let known = |id: &Uuid| self.topics.iter().any(|topic| topic.id == *id);
        let mut others = image.topics().filter(|topic| *topic.name != *OFFSETS_TOPIC);
        match others.find(|topic| !known(&topic.id)) {
            Some(topic) => Err(format!("topic {} came back", topic.name)),
            None => Ok(()),
        }
    }

    /// Nothing is left of deleted topics.
    fn check_topic_folders(&self) -> Checked {
        if self.faults.rename_fails > 0 {
            // A folder that cannot be renamed stays.
            return Ok(());
        }
        let image = self.house().control.image();
        let known =
            |name: &str| Uuid::parse(name).is_some_and(|id| image.topic_by_id(&id).is_some());
        let folders = Disk::Os.list(&self.folder.join(layout::TOPICS));
        let folders = folders.map_err(|error| error.to_string())?;
        match folders.iter().find(|folder| !known(&folder.name)) {
            Some(folder) => Err(format!("the folder {} of a deleted topic is there", folder.name)),
            None => Ok(()),
        }
    }

    /// What the broker came back with is what the log alone gives.
    fn check_fold(&self, partition: &Partition) -> Checked {
        static NOTHING: OnceLock<Rocks> = OnceLock::new();
        let nothing = NOTHING.get_or_init(|| {
            let folder = scratch();
            let rocks = Rocks::open(&folder, Space::unlimited()).expect("a test has room");
            // Nobody will write to it: it needs no files, and would leave them behind.
            let _ = std::fs::remove_dir_all(folder);
            rocks
        });
        let copy = self.folder.with_extension("fold");
        let _ = std::fs::remove_dir_all(&copy);
        if partition.folder.exists() {
            copy_folder(&partition.folder, &copy).map_err(|error| error.to_string())?;
        }
        let limits = partition.state().log.limits;
        let now = self.clock.now();
        let folded = recover(&Disk::Os, &copy, partition.id, limits, nothing, now);
        let folded = folded.map_err(|error| error.to_string())?;
        let _ = std::fs::remove_dir_all(&copy);
        let damages: Vec<_> = std::iter::successors(damage_at(partition, 0), |(_, behind)| {
            damage_at(partition, *behind)
        })
        .collect();
        let state = partition.state();
        let (restored, folded) = (&state.log, folded.log);
        let first = restored.segments[0].base_offset;
        let shape = |log: &crate::kernel::log::Log| -> Vec<_> {
            let segments = log.segments.iter().filter(|segment| segment.base_offset >= first);
            segments.map(|s| (s.base_offset, s.size, s.end_offset, s.max_timestamp)).collect()
        };
        if shape(restored) != shape(&folded) {
            let (restored, folded) = (shape(restored), shape(&folded));
            return Err(format!("restored {restored:?}, folded {folded:?}"));
        }
        let starts = (restored.log_start_offset, folded.log_start_offset);
        // Where retention let the log start inside a segment no file tells.
        if starts.0 < starts.1 {
            return Err(format!("starts restored and folded: {starts:?}"));
        }
        let mut epochs = folded.epochs.clone();
        epochs.truncate_from_start(starts.0);
        // Of epochs whose records are all gone only checkpoints know, and where the first of them
        // are damaged the others tell that the epoch began with them.
        let is_known = |folded: &Epoch| {
            let same = |one: &&Epoch| one.epoch == folded.epoch;
            let known = restored.epochs.entries().iter().find(same);
            known.is_some_and(|known| {
                let lost = |(from, to)| from <= known.start_offset && to >= folded.start_offset;
                known == folded
                    || (known.start_offset < folded.start_offset
                        && damages.iter().copied().any(lost))
            })
        };
        if !epochs.entries().iter().all(is_known) {
            return Err(format!(
                "epochs restored {:?}, folded {epochs:?}, damages {damages:?}",
                restored.epochs
            ));
        }
        let known: BTreeMap<i64, Offset> = restored.producers.last_offsets().into_iter().collect();
        for (producer, last) in folded.producers.last_offsets() {
            if known.get(&producer) != Some(&last) {
                return Err(format!("producer {producer} restored {known:?}, folded {last}"));
            }
        }
        Ok(())
    }
}

fn topic_gone(topic: &mut Topic) {
    topic.logs.clear();
}

fn copy_folder(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        match entry.file_type()?.is_dir() {
            true => copy_folder(&entry.path(), &target)?,
            false => drop(std::fs::copy(entry.path(), target)?),
        }
    }
    Ok(())
}
