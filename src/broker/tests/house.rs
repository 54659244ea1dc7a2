//! What stands between the network and the disk, put together as the broker does, but that nothing
//! in it has a thread: syncs happen when the driver says so.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::broker::house::{open_metadata, open_partitions};
use crate::clock::Clock;
use crate::config::NodeConfig;
use crate::coordinator::control::Control;
use crate::coordinator::groups::tests::commit_request;
use crate::coordinator::groups::{GroupCoordinator, OFFSETS_TOPIC};
use crate::kernel::meta::record::RegisterBrokerRecord;
use crate::kernel::meta::{Command, Outcome};
use crate::kernel::types::{Offset, TopicIdPartition, Uuid};
use crate::storage::disk::Disk;
use crate::storage::error::StorageError;
use crate::storage::flusher::Flusher;
use crate::storage::layout;
use crate::storage::partition::{Durability, Partition};
use crate::storage::partitions::Partitions;
use crate::storage::rocks::Rocks;
use crate::storage::space::Space;

/// The parts.
pub struct House {
    pub rocks: Arc<Rocks>,
    pub flusher: Flusher,
    pub partitions: Arc<Partitions>,
    pub control: Control,
    pub metadata: Arc<Partition>,
    groups: GroupCoordinator,
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

    /// Commits an offset for a group without members. Makes the topic for it, of that ID, if there
    /// is none.
    pub fn commit(&self, id: Uuid, group: &str, topic: &str, offset: Offset) -> Result<(), String> {
        let request = commit_request(group, topic, offset);
        self.stepper().wait(async {
            self.groups.create_topic(id).await.map_err(|error| error.to_string())?;
            let answers = self.groups.commit(request).await.map_err(|error| error.to_string())?;
            answers[0].map_err(|error| error.to_string())
        })
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

    /// Brings the view of the groups up to date.
    pub fn step_view(&self) {
        self.stepper().wait(self.groups.step_view());
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

/// Lets time go on for a future that waits for syncs.
struct Stepper<'a> {
    flusher: &'a Flusher,
    rocks: &'a Rocks,
    runtime: &'a tokio::runtime::Runtime,
}

impl Stepper<'_> {
    fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(async {
            let mut future = std::pin::pin!(future);
            loop {
                let poll =
                    std::future::poll_fn(|cx| std::task::Poll::Ready(future.as_mut().poll(cx)));
                if let std::task::Poll::Ready(value) = poll.await {
                    return value;
                }
                self.flusher.step(self.rocks);
                tokio::task::yield_now().await;
            }
        })
    }
}
