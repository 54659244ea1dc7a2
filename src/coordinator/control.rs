//! The metadata of the cluster: `decide` on the image, append and sync the records, apply them,
//! then answer. Readers take a snapshot of the image and hold no lock. A topic's partitions exist
//! before the image names them and go after it has forgotten them, so creation and deletion are
//! atomic to clients.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::Mutex;

use super::configs::{self, Rules};
use crate::clock::Clock;
use crate::config::NodeConfig;
use crate::config::dynamic::{BrokerDefaults, TopicConfig};
use crate::config::live::Live;
use crate::coordinator::quotas::Quotas;
use crate::kernel::meta::{self, Command, Image, Outcome, Record, Resource, Topic};
use crate::kernel::types::{LeaderEpoch, NodeId, Offset, TopicIdPartition};
use crate::storage::cleaning;
use crate::storage::error::StorageError;
use crate::storage::metadata_log::{self, MetadataLog};
use crate::storage::partitions::Partitions;

/// Records above which a command is framed as a transaction: one batch holds fewer.
const ATOMIC_RECORDS_MAX: usize = 5_000;

/// Handle to the metadata. Cheap to clone.
#[derive(Clone)]
pub struct Control {
    shared: Arc<Shared>,
}

struct Shared {
    clock: Clock,
    node_id: NodeId,
    /// The broker's own settings that do not change.
    fixed: BrokerDefaults,
    live: RwLock<Arc<Live>>,
    /// Bytes of metadata log behind the newest snapshot that make another one worth writing.
    snapshot_after_bytes: u64,
    partitions: Arc<Partitions>,
    quotas: Arc<Quotas>,
    image: RwLock<Arc<Image>>,
    log: Mutex<MetadataLog>,
}

impl Control {
    /// Takes over the metadata log and the image folded from it.
    pub fn new(
        clock: Clock,
        config: &NodeConfig,
        partitions: Arc<Partitions>,
        log: MetadataLog,
        image: Image,
    ) -> Control {
        let live = configs::live(config, &image);
        partitions.set_producer_id_expiration_ms(live.producer_id_expiration_ms);
        partitions.cleaning().change(cleaning(&live));
        let quotas = Arc::new(Quotas::new(clock.clone(), &config.quotas));
        quotas.update(image.quotas());
        let shared = Shared {
            clock,
            node_id: config.node_id,
            fixed: config.broker_defaults.clone(),
            live: RwLock::new(Arc::new(live)),
            snapshot_after_bytes: config.topics.snapshot_after_bytes,
            partitions,
            quotas,
            image: RwLock::new(Arc::new(image)),
            log: Mutex::new(log),
        };
        Control { shared: Arc::new(shared) }
    }

    /// The metadata as of now.
    pub fn image(&self) -> Arc<Image> {
        Arc::clone(&self.shared.image.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Leader epoch and end offset of the metadata log, as far as the image follows it.
    pub fn log_end(&self) -> (LeaderEpoch, Offset) {
        (metadata_log::LEADER_EPOCH, self.image().revision + 1)
    }

    /// Settings of this broker that may change while it runs, as of now.
    pub fn live(&self) -> Arc<Live> {
        self.shared.live()
    }

    /// The client quotas, which follow the metadata.
    pub fn quotas(&self) -> &Arc<Quotas> {
        &self.shared.quotas
    }

    /// What a command would do now.
    pub fn judge(&self, command: &Command) -> Outcome {
        let rules = Rules { defaults: &self.live().defaults };
        meta::decide(&self.image(), command, &rules).outcome
    }

    /// Carries out a command. The answer is durable. A caller that goes away does not undo it.
    pub async fn execute(&self, command: Command) -> Result<Outcome, StorageError> {
        let shared = Arc::clone(&self.shared);
        // Detached, because a connection that closes must not leave records half applied.
        let done = tokio::spawn(async move { shared.execute(&command).await });
        done.await.unwrap_or(Err(StorageError::Poisoned))
    }

    /// Waits for a running command, then lets no other begin. For shutdown.
    pub async fn quiesce(&self) -> tokio::sync::MutexGuard<'_, MetadataLog> {
        self.shared.log.lock().await
    }
}

impl Shared {
    fn image(&self) -> Arc<Image> {
        Arc::clone(&self.image.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn live(&self) -> Arc<Live> {
        Arc::clone(&self.live.read().unwrap_or_else(PoisonError::into_inner))
    }

    async fn execute(&self, command: &Command) -> Result<Outcome, StorageError> {
        let log = self.log.lock().await;
        let before = self.image();
        let rules = Rules { defaults: &self.live().defaults };
        let mut decision = meta::decide(&before, command, &rules);
        if decision.records.is_empty() {
            return Ok(decision.outcome);
        }
        if decision.records.len() > ATOMIC_RECORDS_MAX {
            decision.records = meta::command::in_transaction("command", decision.records);
        }
        let now = self.clock.now();
        let revision = log.commit(&decision.records, now).await?;
        let mut after = Image::clone(&before);
        for record in &decision.records {
            // The records were decided on this very image.
            after.apply(record).expect("decided records apply");
        }
        after.revision = revision;
        let after = Arc::new(after);
        self.follow_configs(&before, &after, &decision.records);
        self.create_partitions(&after, &decision.records);
        self.raise_epochs(&after, &decision.records);
        *self.image.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&after);
        if !Arc::ptr_eq(before.quotas(), after.quotas()) {
            self.quotas.update(after.quotas());
        }
        self.remove_topics(&decision.records);
        if log.is_snapshot_due(self.snapshot_after_bytes) {
            let snapshot = || log.snapshot(&after, &self.partitions, now);
            if let Err(error) = tokio::task::block_in_place(snapshot) {
                tracing::warn!(%error, "no snapshot of the metadata log could be written");
            }
        }
        Ok(decision.outcome)
    }

    /// Puts changed settings in force, in the topics that were there before.
    fn follow_configs(&self, before: &Image, after: &Image, records: &[Record]) {
        let changed = configs::changed(records);
        if changed.broker {
            let defaults = configs::broker_defaults(&self.fixed, self.node_id, after);
            let live = Live::resolve(defaults);
            self.partitions.set_producer_id_expiration_ms(live.producer_id_expiration_ms);
            self.partitions.cleaning().change(cleaning(&live));
            *self.live.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(live);
        }
        let live = self.live();
        let topics: Vec<&Arc<Topic>> = match changed.broker {
            true => before.topics().collect(),
            false => changed.topics.iter().filter_map(|name| before.topic(name)).collect(),
        };
        for topic in topics {
            let config = topic_config(&live.defaults, after, &topic.name);
            for partition in 0..topic.partition_count() {
                let id = TopicIdPartition { topic_id: topic.id, partition };
                self.partitions.configure(id, &config);
            }
        }
    }

    fn create_partitions(&self, image: &Image, records: &[Record]) {
        let mut resolved = None;
        let live = self.live();
        for record in records {
            let Record::Partition(partition) = record else { continue };
            let id = TopicIdPartition {
                topic_id: partition.topic_id,
                partition: partition.partition_index,
            };
            let Some(topic) = image.topic_by_id(&id.topic_id) else { continue };
            if self.partitions.get(&id).is_none() {
                // The partitions of a topic follow each other and share its configuration.
                let config = match resolved.take() {
                    Some((topic_id, config)) if topic_id == id.topic_id => config,
                    _ => topic_config(&live.defaults, image, &topic.name),
                };
                resolved = Some((id.topic_id, Arc::clone(&config)));
                self.partitions.create(id, &topic.name, config, partition.state.leader_epoch);
            }
        }
    }

    fn raise_epochs(&self, image: &Image, records: &[Record]) {
        for record in records {
            let Record::PartitionChange(change) = record else { continue };
            let id =
                TopicIdPartition { topic_id: change.topic_id, partition: change.partition_index };
            if let (Some(partition), Some(state)) = (self.partitions.get(&id), image.partition(&id))
            {
                partition.raise_leader_epoch(state.leader_epoch);
            }
        }
    }

    fn remove_topics(&self, records: &[Record]) {
        let mut is_any = false;
        for record in records {
            let Record::RemoveTopic { topic_id } = record else { continue };
            self.partitions.note_deleted(*topic_id);
            is_any = true;
        }
        if is_any {
            let partitions = Arc::clone(&self.partitions);
            // Folders are the device's business. What is left behind goes at the next start.
            tokio::task::spawn_blocking(move || partitions.discard_deleted());
        }
    }
}

/// The limits of compaction as storage takes them.
fn cleaning(live: &Live) -> cleaning::Settings {
    let limits = &live.cleaner;
    cleaning::Settings {
        threads: limits.threads,
        backoff: Duration::from_millis(limits.backoff_ms),
        key_bytes_max: limits.key_bytes_max,
        bytes_per_second_max: limits.bytes_per_second_max,
    }
}

/// Configuration in force for a topic.
pub fn topic_config(defaults: &BrokerDefaults, image: &Image, topic: &str) -> Arc<TopicConfig> {
    let overrides = configs::settings(image, &Resource::topic(topic));
    Arc::new(TopicConfig::resolve(defaults, &overrides))
}
