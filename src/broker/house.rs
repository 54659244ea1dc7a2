//! Everything below the network: opened in the order in which one part needs another, closed so
//! that the next start reads nothing again.

use std::io;
use std::path::Path;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;

use super::{Broker, Error};
use crate::clock::Clock;
use crate::config::NodeConfig;
use crate::config::dynamic::TopicConfig;
use crate::config::node::Durability as ConfiguredDurability;
use crate::coordinator::configs::broker_defaults;
use crate::coordinator::control::{Control, topic_config};
use crate::coordinator::fetch::FetchSessions;
use crate::coordinator::groups::GroupCoordinator;
use crate::coordinator::ids::ProducerIds;
use crate::coordinator::telemetry::Telemetry;
use crate::kernel::meta::features::{self, Direction, UpdateFeatures, Wanted};
use crate::kernel::meta::image::METADATA_VERSION;
use crate::kernel::meta::record::{Endpoint, RegisterBrokerRecord};
use crate::kernel::meta::{Command, Image};
use crate::kernel::types::{TopicIdPartition, Uuid};
use crate::metrics::Metrics;
use crate::random;
use crate::storage::cleaner::Cleaner;
use crate::storage::data_dir::DataDir;
use crate::storage::disk::Disk;
use crate::storage::flusher::{Flusher, FlusherHandle};
use crate::storage::metadata_log::{self, MetadataLog};
use crate::storage::partition::{Durability, Partition};
use crate::storage::partitions::{Partitions, ToOpen};
use crate::storage::rocks::Rocks;
use crate::storage::space::Space;
use crate::storage::{janitor, layout};

/// A broker with what must outlive its handlers.
pub(super) struct House {
    pub(super) broker: Arc<Broker>,
    flusher: Flusher,
    cleaner: Option<Cleaner>,
    metadata: Arc<Partition>,
    /// Partitions that were not closed properly: what they had not synced may be lost.
    unclean: Vec<TopicIdPartition>,
    data_dir: DataDir,
}

impl House {
    /// Opens everything below the network, in the order in which one part needs another.
    pub(super) async fn open(
        config: NodeConfig,
        listeners: &[TcpListener],
        metrics: Arc<Metrics>,
        stopping: watch::Receiver<bool>,
    ) -> Result<House, Error> {
        let clock = Clock::System;
        let ids = [fresh_uuid()?, fresh_uuid()?];
        let data_dir =
            DataDir::open(&config.data_dir, config.cluster_id.as_deref(), config.node_id, ids)?;
        let reserve_bytes = config.log.disk_reserve_bytes;
        let space = Arc::new(Space::new(Disk::Os, data_dir.folder.clone(), reserve_bytes));
        let folder = data_dir.folder.join(layout::ROCKS);
        let rocks = Arc::new(Rocks::open(&folder, Arc::clone(&space))?);
        space.take_ballast();
        let flusher = Flusher::start(Arc::clone(&rocks), Arc::clone(&metrics.flushes), space)
            .map_err(|error| Error::System("the flusher cannot be started", error))?;
        flusher.handle().end_process_with_vital();
        let partitions = Arc::new(Partitions::new(
            Disk::Os,
            data_dir.folder.clone(),
            rocks,
            flusher.handle(),
            durability(&config),
            Arc::clone(&metrics.traffic),
        ));
        let (log, mut image) = open_metadata(&config, &data_dir.folder, &partitions, &clock)?;
        log.abort_unfinished(&mut image, clock.now()).await.map_err(Error::Register)?;
        let metadata = Arc::clone(log.partition());
        log.removed_topics().iter().for_each(|id| partitions.note_deleted(*id));
        partitions.discard_deleted();
        let unclean = open_partitions(&config, &data_dir.folder, &partitions, &image, &clock)?;
        let control = Control::new(clock.clone(), &config, Arc::clone(&partitions), log, image);
        let bound = listeners
            .iter()
            .map(TcpListener::local_addr)
            .collect::<io::Result<_>>()
            .map_err(|error| Error::System("a listener has no address", error))?;
        let broker = Arc::new(Broker {
            groups: GroupCoordinator::new(
                clock.clone(),
                control.clone(),
                Arc::clone(&partitions),
                &config,
            ),
            fetch_sessions: FetchSessions::new(config.fetch.session_slots as usize),
            producer_ids: ProducerIds::new(control.clone(), config.node_id),
            cluster_id: data_dir.cluster_id.clone(),
            telemetry: Telemetry::new(clock.clone(), control.clone(), config.telemetry_bytes_max),
            clock,
            quotas: Arc::clone(control.quotas()),
            control,
            partitions,
            metrics,
            bound,
            stopping,
            config,
        });
        Ok(House { broker, flusher, cleaner: None, metadata, unclean, data_dir })
    }

    /// Writes this broker's registration if it is new or has changed, begins new leader epochs
    /// after an unclean stop, and opens the groups.
    pub(super) async fn register(&mut self) -> Result<(), Error> {
        let broker = &self.broker;
        let record = registration(broker, self.data_dir.directory_id);
        let image = broker.control.image();
        let known = image.broker(record.broker_id).is_some_and(|known| {
            known.end_points == record.end_points
                && known.rack == record.rack
                && known.features == record.features
        });
        if image.feature_level(METADATA_VERSION) < features::METADATA_LEVEL {
            // What the log is written in, said in the log.
            let command = Command::UpdateFeatures(UpdateFeatures {
                wanted: vec![Wanted {
                    name: METADATA_VERSION.into(),
                    level: features::METADATA_LEVEL,
                    direction: Direction::Upgrade,
                }],
                validate_only: false,
            });
            broker.control.execute(command).await.map_err(Error::Register)?;
        }
        if !known {
            let command = Command::RegisterBroker(record);
            broker.control.execute(command).await.map_err(Error::Register)?;
        }
        if !self.unclean.is_empty() {
            // A new leader epoch lets clients find out where their log ends differently (KIP-320).
            let command = Command::BumpLeaderEpochs(std::mem::take(&mut self.unclean));
            broker.control.execute(command).await.map_err(Error::Register)?;
        }
        broker.groups.open().await;
        // Only now: the groups have read all that compaction might drop.
        self.cleaner = start_cleaner(broker)?;
        Ok(())
    }

    /// Makes everything durable, so that the next start reads nothing again.
    pub(super) async fn close(mut self) {
        let broker = Arc::clone(&self.broker);
        let _no_more_commands = broker.control.quiesce().await;
        broker.groups.close().await;
        let partitions = Arc::clone(&broker.partitions);
        let metadata = Arc::clone(&self.metadata);
        let is_promised = broker.config.log.durability != ConfiguredDurability::None;
        let closed = tokio::task::spawn_blocking(move || {
            drop(self.cleaner.take());
            let mut all = partitions.all();
            all.push(metadata);
            ask_last_syncs(all, &self.flusher.handle());
            self.flusher.stop();
            if is_promised {
                partitions.rocks().flush();
            }
        });
        if closed.await.is_err() {
            tracing::error!("the logs could not be closed; the next start recovers them");
        }
    }
}

/// Asks for a sync and a checkpoint of every partition that the next start would have to read.
pub(super) fn ask_last_syncs(partitions: Vec<Arc<Partition>>, flusher: &FlusherHandle) {
    for partition in partitions {
        let mut state = partition.state();
        let grown = state.log.active().size != state.checkpointed_size;
        let pending = !state.unsynced.is_empty() || state.checkpoint_due || grown;
        state.checkpoint_due |= grown;
        drop(state);
        if pending {
            flusher.sync(partition);
        }
    }
}

/// A random identifier, or the reason there is none.
fn fresh_uuid() -> Result<Uuid, Error> {
    random::uuid().map_err(|error| Error::System("no random numbers", error))
}

fn durability(config: &NodeConfig) -> Durability {
    match config.log.durability {
        ConfiguredDurability::Fsync => Durability::Fsync,
        ConfiguredDurability::Os => Durability::Os,
        ConfiguredDurability::None => Durability::None,
    }
}

/// Opens the metadata log in a data directory, and folds the image.
pub(super) fn open_metadata(
    config: &NodeConfig,
    data: &Path,
    partitions: &Partitions,
    clock: &Clock,
) -> Result<(MetadataLog, Image), Error> {
    let folder = data.join(layout::METADATA_LOG);
    let mut log_config = TopicConfig::resolve(&config.broker_defaults, &Default::default());
    // Only a snapshot lets go of metadata.
    log_config.cleanup_delete = false;
    // A command's records must fit a segment, whatever topics have.
    log_config.segment_bytes = metadata_log::SEGMENT_BYTES;
    let log = ToOpen {
        id: TopicIdPartition { topic_id: metadata_log::TOPIC_ID, partition: 0 },
        topic: Arc::from("__cluster_metadata"),
        config: Arc::new(log_config),
        leader_epoch: metadata_log::LEADER_EPOCH,
    };
    let (partition, opened) = partitions
        .open_alone(folder.clone(), &log, durability(config), clock.now())
        .map_err(|error| Error::Partition(folder, error))?;
    tell_scanned(opened.scanned_bytes);
    Ok(MetadataLog::open(partition, partitions.indexes())?)
}

/// Opens all partitions of the image. Answers those that were not closed properly.
pub(super) fn open_partitions(
    config: &NodeConfig,
    data: &Path,
    partitions: &Partitions,
    image: &Image,
    clock: &Clock,
) -> Result<Vec<TopicIdPartition>, Error> {
    let known = |name: &str| Uuid::parse(name).is_some_and(|id| image.topic_by_id(&id).is_some());
    janitor::sweep_topics(partitions.disk(), data, known)
        .map_err(|error| Error::Partition(data.join(layout::TOPICS), error))?;
    let defaults = broker_defaults(&config.broker_defaults, config.node_id, image);
    let mut all = Vec::new();
    for topic in image.topics() {
        let config = topic_config(&defaults, image, &topic.name);
        all.extend((0..topic.partition_count()).map(|index| ToOpen {
            id: TopicIdPartition { topic_id: topic.id, partition: index },
            topic: Arc::clone(&topic.name),
            config: Arc::clone(&config),
            leader_epoch: topic.partition(index).map_or(0, |partition| partition.leader_epoch),
        }));
    }
    let opened = partitions
        .open_all(&all, clock.now())
        .map_err(|(id, error)| Error::Partition(layout::partition_folder(data, id), error))?;
    tell_scanned(opened.iter().map(|opened| opened.scanned_bytes).sum());
    let unclean = all.iter().zip(opened).filter(|(_, o)| o.scanned_bytes + o.cut_bytes > 0);
    Ok(unclean.map(|(partition, _)| partition.id).collect())
}

fn tell_scanned(bytes: u64) {
    if bytes > 0 {
        tracing::info!(bytes, "read what no checkpoint covered");
    }
}

fn registration(broker: &Broker, directory_id: Uuid) -> RegisterBrokerRecord {
    let listeners = broker.config.listeners.iter().zip(&broker.bound);
    let end_points = listeners.map(|(listener, bound)| {
        let (host, port) = match &listener.advertised {
            Some(address) => (address.host.clone(), address.port),
            None => (bound.ip().to_string(), bound.port()),
        };
        Endpoint {
            name: listener.name.as_str().into(),
            host: host.into(),
            port,
            security_protocol: 0,
        }
    });
    RegisterBrokerRecord {
        broker_id: broker.config.node_id,
        end_points: end_points.collect(),
        rack: broker.config.rack.as_deref().map(Arc::from),
        log_dirs: vec![directory_id],
        features: features::ranges(),
        ..RegisterBrokerRecord::default()
    }
}

fn start_cleaner(broker: &Broker) -> Result<Option<Cleaner>, Error> {
    if !broker.config.log.cleaner_enable {
        return Ok(None);
    }
    let decompressed_max = broker.config.log.decompression_bytes_max;
    let secret = fresh_uuid()?.0;
    let partitions = Arc::clone(&broker.partitions);
    let started = Cleaner::start(partitions, broker.clock.clone(), decompressed_max, secret);
    started.map(Some).map_err(|error| Error::System("the cleaner cannot be started", error))
}
