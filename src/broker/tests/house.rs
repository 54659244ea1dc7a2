//! What stands between the network and the disk, put together as the broker does, but that nothing
//! in it has a thread: syncs happen when the driver says so.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use crate::broker::house::{open_metadata, open_partitions};
use crate::clock::Clock;
use crate::config::NodeConfig;
use crate::coordinator::control::Control;
use crate::coordinator::groups::tests::commit_request;
use crate::coordinator::groups::{GroupCoordinator, OFFSETS_TOPIC};
use crate::kernel::group::Error;
use crate::kernel::meta::command::{CreateTopics, Defaults, NewTopic};
use crate::kernel::meta::record::RegisterBrokerRecord;
use crate::kernel::meta::{Command, Outcome};
use crate::kernel::types::{Offset, TopicIdPartition, Uuid};
use crate::storage::disk::Disk;
use crate::storage::error::StorageError;
use crate::storage::flusher::Flusher;
use crate::storage::layout;
use crate::storage::partition::{Durability, Partition};
use crate::storage::partitions::Partitions;
use crate::storage::rocks::{Changes, Rocks};
use crate::storage::schema::{checkpoint, group_record};
use crate::storage::space::Space;

/// The parts.
pub struct House {
    pub rocks: Arc<Rocks>,
    pub flusher: Flusher,
    pub partitions: Arc<Partitions>,
    pub control: Control,
    pub metadata: Arc<Partition>,
    pub groups: GroupCoordinator,
    runtime: tokio::runtime::Runtime,
}

/// Folder of RocksDB.
pub fn rocks_folder(folder: &Path) -> PathBuf {
    folder.join(layout::ROCKS)
}

impl House {
    /// Opens everything, as a start of the broker does.
    pub fn open(
        folder: &Path,
        disk: Disk,
        clock: &Clock,
        config: &NodeConfig,
        ends_with_vital: bool,
    ) -> Result<House, String> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .max_blocking_threads(1)
            .build()
            .expect("a runtime can be built");
        let space = Space::unlimited();
        let rocks = Arc::new(
            Rocks::open(&rocks_folder(folder), Arc::clone(&space)).map_err(|e| e.to_string())?,
        );
        let flusher = Flusher::stepped(space);
        if ends_with_vital {
            flusher.handle().end_process_with_vital();
        }
        let partitions = Arc::new(Partitions::new(
            disk,
            folder.to_owned(),
            Arc::clone(&rocks),
            flusher.handle(),
            Durability::Fsync,
            Arc::default(),
        ));
        let (log, mut image) =
            open_metadata(config, folder, &partitions, clock).map_err(|e| e.to_string())?;
        let metadata = Arc::clone(log.partition());
        let stepper = Stepper { flusher: &flusher, rocks: &rocks, runtime: &runtime };
        let aborted = log.abort_unfinished(&mut image, clock.now());
        stepper.wait(aborted).map_err(|e| e.to_string())?;
        log.removed_topics().iter().for_each(|id| partitions.note_deleted(*id));
        partitions.discard_deleted();
        let unclean = open_partitions(config, folder, &partitions, &image, clock)
            .map_err(|e| e.to_string())?;
        let control = Control::new(clock.clone(), config, Arc::clone(&partitions), log, image);
        let groups =
            GroupCoordinator::new(clock.clone(), control.clone(), Arc::clone(&partitions), config);
        let house = House { rocks, flusher, partitions, control, metadata, groups, runtime };
        house.register(unclean).map_err(|e| e.to_string())?;
        house.stepper().wait(house.groups.load());
        Ok(house)
    }

    fn register(&self, unclean: Vec<TopicIdPartition>) -> Result<(), StorageError> {
        if self.control.image().broker(1).is_none() {
            let broker = RegisterBrokerRecord { broker_id: 1, ..RegisterBrokerRecord::default() };
            self.execute(Command::RegisterBroker(broker))?;
        }
        if !unclean.is_empty() {
            self.execute(Command::BumpLeaderEpochs(unclean))?;
        }
        Ok(())
    }

    fn stepper(&self) -> Stepper<'_> {
        Stepper { flusher: &self.flusher, rocks: &self.rocks, runtime: &self.runtime }
    }

    /// Carries out a command of the metadata, with what it leaves for later.
    pub fn execute(&self, command: Command) -> Result<Outcome, StorageError> {
        let control = self.control.clone();
        self.stepper().wait(async move {
            let outcome = control.execute(command).await;
            // There is one blocking thread: what the command left for it is done before this.
            let _ = tokio::task::spawn_blocking(|| ()).await;
            outcome
        })
    }

    /// Makes the topic that groups are kept in, of that ID and with small segments, if there is
    /// none. Says whether it is there.
    pub fn make_offsets_topic(&self, id: Uuid) -> bool {
        if self.control.image().topic(OFFSETS_TOPIC).is_some() {
            return true;
        }
        let settings = [
            ("cleanup.policy", "compact"),
            ("internal.segment.bytes", "4096"),
            ("index.interval.bytes", "300"),
            ("file.delete.delay.ms", "5000"),
            ("min.cleanable.dirty.ratio", "0.1"),
        ];
        let config = |(key, value): (&str, &str)| (Arc::from(key), Some(Arc::from(value)));
        let topic = NewTopic {
            name: Arc::from(OFFSETS_TOPIC),
            id,
            partition_count: 2,
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
        self.execute(command).is_ok()
    }

    /// Commits an offset for a group without members.
    pub fn commit(&self, group: &str, topic: &str, offset: Offset) -> Result<(), Error> {
        let request = commit_request(group, topic, offset);
        let answers = self.stepper().wait(self.groups.commit(request))?;
        answers[0]
    }

    /// The offset that a group has committed, -1 for none.
    pub fn committed(&self, group: &str, topic: &str) -> Result<Offset, String> {
        if self.control.image().topic(OFFSETS_TOPIC).is_none() {
            return Ok(-1);
        }
        let topics = [(Arc::from(topic), vec![0])];
        let fetched = self.stepper().wait(self.groups.fetch(group, Some(&topics)));
        fetched.map(|topics| topics[0].1[0].offset).map_err(|error| error.to_string())
    }

    /// Writes a snapshot of the metadata.
    pub fn snapshot(&self, now: i64) -> std::io::Result<()> {
        let control = self.control.clone();
        let partitions = Arc::clone(&self.partitions);
        self.stepper().wait(async move {
            let image = control.image();
            control.quiesce().await.snapshot(&image, &partitions, now)
        })
    }

    /// Lets the deadlines of groups that are over have their effects.
    pub fn step_deadlines(&self) {
        self.groups.step_deadlines();
    }

    /// Brings the view of the groups up to date.
    pub fn step_view(&self) {
        self.stepper().wait(self.groups.step_view());
    }

    /// Lets the view of the groups tell of other offsets than were committed.
    pub fn spoil_view(&self) {
        self.step_view();
        let mut changes = Changes::default();
        for partition in self.partitions.all() {
            self.rocks.scan(&group_record::prefix(partition.id), |key, stored| {
                if let Some(value) = group_record::decode(key, stored) {
                    let mut value = value.to_vec();
                    // The last byte of an offset, or of the length of a group's protocol type.
                    let at = 9.min(value.len() - 1);
                    value[at] ^= 1;
                    changes.put(key, &group_record::encode(key, &value));
                }
            });
        }
        self.rocks.commit(changes);
    }

    /// Lets checkpoints tell of later records than there are.
    pub fn spoil_checkpoints(&self) {
        let mut changes = Changes::default();
        for partition in self.partitions.all() {
            let key = checkpoint::key(partition.id);
            let stored = self.rocks.get(&key).and_then(|value| checkpoint::decode(&value));
            if let Some(mut known) = stored {
                known.segments.iter_mut().for_each(|segment| segment.max_timestamp += 1);
                changes.put(&key, &checkpoint::encode(&known));
            }
        }
        self.rocks.commit(changes);
    }

    /// Syncs whatever was asked for.
    pub fn step(&self) -> usize {
        self.flusher.step(&self.rocks)
    }

    /// Stops as the broker does: everything synced and checkpointed. Says whether that worked.
    pub fn close(self) -> bool {
        self.stepper().wait(self.groups.close());
        let mut all = self.partitions.all();
        all.push(Arc::clone(&self.metadata));
        crate::broker::house::ask_last_syncs(all.clone(), &self.flusher.handle());
        self.step();
        self.rocks.flush();
        all.iter().all(|partition| partition.check_online().is_ok())
    }
}

/// Whether a future that is waited for wants to go on.
#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}

/// Lets time go on for a future that waits for syncs.
struct Stepper<'a> {
    flusher: &'a Flusher,
    rocks: &'a Rocks,
    runtime: &'a tokio::runtime::Runtime,
}

impl Stepper<'_> {
    fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        self.runtime.block_on(async {
            let mut future = std::pin::pin!(future);
            loop {
                let mut cx = Context::from_waker(&waker);
                if let Poll::Ready(value) = future.as_mut().poll(&mut cx) {
                    return value;
                }
                // What the one blocking thread does ends, and is taken note of, before anything
                // else touches the disk, or a seed would not give the same run again.
                let _ = tokio::task::spawn_blocking(|| ()).await;
                tokio::task::yield_now().await;
                if !woken.0.swap(false, Ordering::AcqRel) {
                    self.flusher.step(self.rocks);
                }
            }
        })
    }
}
