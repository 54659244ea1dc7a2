//! The composition root: builds every part in order, opens the doors last, and takes everything
//! down in the reverse order. The only place that knows all parts.

use std::collections::HashMap;
use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::clock::Clock;
use crate::config::NodeConfig;
use crate::config::dynamic::TopicConfig;
use crate::config::node::{CongestionControl, Durability as ConfiguredDurability, Network};
use crate::coordinator::control::{Control, topic_config};
use crate::coordinator::fetch::FetchSessions;
use crate::coordinator::groups::GroupCoordinator;
use crate::coordinator::ids::ProducerIds;
use crate::kernel::meta::record::{Endpoint, RegisterBrokerRecord};
use crate::kernel::meta::{Command, Image};
use crate::kernel::types::{TimestampMs, TopicIdPartition, Uuid};
use crate::net::{self, Net, listener};
use crate::random;
use crate::storage::data_dir::{self, DataDir};
use crate::storage::error::StorageError;
use crate::storage::flusher::{Flusher, sync_partition};
use crate::storage::metadata_log::{self, MetadataLog};
use crate::storage::partition::Durability;
use crate::storage::partitions::Partitions;
use crate::storage::rocks::{self, Rocks};
use crate::storage::{janitor, layout};

/// How often logs that grew get a checkpoint, so that a restart after a crash reads little.
const CHECKPOINT_INTERVAL: Duration = Duration::from_secs(60);

/// The parts that handlers work with.
pub struct Broker {
    /// Source of the time.
    pub clock: Clock,
    /// Settings of this node.
    pub config: NodeConfig,
    /// Cluster this broker belongs to.
    pub cluster_id: String,
    /// Metadata.
    pub control: Control,
    /// Partitions on this broker.
    pub partitions: Arc<Partitions>,
    /// Consumer groups.
    pub groups: GroupCoordinator,
    /// Incremental fetch sessions.
    pub fetch_sessions: FetchSessions,
    /// Producer IDs.
    pub producer_ids: ProducerIds,
    /// Addresses the listeners are bound to, in the order of the configuration.
    pub bound: Vec<SocketAddr>,
}

impl Broker {
    /// Where a client that came in on a listener finds this broker: the advertised address, or
    /// the one the client connected to.
    pub fn advertised(&self, connection: &crate::api::Connection) -> (String, u16) {
        let advertised = self.config.listeners[connection.listener].advertised.as_ref();
        match advertised {
            Some(address) => (address.host.clone(), address.port),
            None => (connection.local.ip().to_canonical().to_string(), connection.local.port()),
        }
    }

    /// Called when a connection has ended.
    pub fn connection_closed(&self, _connection: u64) {}
}

/// Why the broker cannot start or had to stop.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An address is taken.
    #[error(
        "cannot listen on {0}: the address is in use. Stop the other process or choose \
         another address with --listen"
    )]
    AddressInUse(SocketAddr),
    /// An address cannot be listened on.
    #[error("cannot listen on {0}: {1}")]
    Listen(String, io::Error),
    /// The data directory cannot be used.
    #[error(transparent)]
    DataDir(#[from] data_dir::Error),
    /// RocksDB cannot be used.
    #[error(transparent)]
    Rocks(#[from] rocks::OpenError),
    /// The metadata log cannot be read.
    #[error(transparent)]
    Metadata(#[from] metadata_log::Error),
    /// A partition cannot be opened.
    #[error("partition {0} cannot be opened: {1}")]
    Partition(PathBuf, io::Error),
    /// The broker could not write its own registration.
    #[error("the broker cannot be registered in the metadata log: {0}")]
    Register(StorageError),
    /// The operating system refused something else.
    #[error("{0}: {1}")]
    System(&'static str, io::Error),
}

impl Error {
    /// Exit code of the process: 3 for an address in use, 4 for the data directory, else 1.
    pub fn exit_code(&self) -> u8 {
        match self {
            Error::AddressInUse(_) => 3,
            Error::DataDir(_) | Error::Metadata(_) | Error::Partition(..) | Error::Rocks(_) => 4,
            Error::Listen(..) | Error::Register(_) | Error::System(..) => 1,
        }
    }
}

/// Runs a broker until SIGINT or SIGTERM.
pub fn run(config: NodeConfig) -> Result<(), Error> {
    let started = Instant::now();
    raise_open_files_limit();
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(worker_threads(&config))
        .thread_name("felice-worker")
        .enable_all()
        .build()
        .map_err(|error| Error::System("the runtime cannot be started", error))?;
    runtime.block_on(serve(config, started))
}

fn worker_threads(config: &NodeConfig) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    match config.worker_threads {
        // One core is left to the flusher, RocksDB and the clients on the same machine.
        0 => cores.saturating_sub(1).clamp(1, 8),
        count => count as usize,
    }
}

fn raise_open_files_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, "the limit of open files cannot be raised");
    }
}

async fn serve(config: NodeConfig, started: Instant) -> Result<(), Error> {
    let signals = |kind| signal(kind).map_err(|error| Error::System("no signal handler", error));
    let (mut interrupt, mut terminate) =
        (signals(SignalKind::interrupt())?, signals(SignalKind::terminate())?);
    let (stop, stopping) = watch::channel(false);
    let listeners = bind(&config)?;
    let mut house = House::open(config, &listeners).await?;
    house.register().await?;
    let broker = Arc::clone(&house.broker);
    let net = Arc::new(Net::new(limits(&broker.config), stopping.clone()));
    let mut tasks = tokio::task::JoinSet::new();
    for (index, listener) in listeners.into_iter().enumerate() {
        tasks.spawn(listener::run(listener, index, Arc::clone(&net), Arc::clone(&broker)));
    }
    tasks.spawn(keep_house(Arc::clone(&broker), stopping.clone()));
    let idle = Duration::from_millis(broker.config.producers.id_expiration_check_interval_ms);
    for (interval, work) in [
        (CHECKPOINT_INTERVAL, (|partitions, _| janitor::checkpoint_grown(partitions)) as Work),
        (idle, janitor::expire_producers),
    ] {
        tasks.spawn(repeat(Arc::clone(&broker), stopping.clone(), interval, work));
    }
    announce(&broker, started);
    tokio::select! {
        // Cancel-safe: the process ends after the first signal.
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    tracing::info!("stopping");
    // Receivers only go with their tasks, so somebody listens.
    let _ = stop.send(true);
    while tasks.join_next().await.is_some() {}
    house.close().await;
    Ok(())
}

fn announce(broker: &Broker, started: Instant) {
    let addresses: Vec<String> = broker.bound.iter().map(SocketAddr::to_string).collect();
    let line = format!(
        "felice ready on {} data {} in {} ms",
        addresses.join(","),
        broker.config.data_dir.display(),
        started.elapsed().as_millis()
    );
    let mut out = io::stdout().lock();
    // Standard output may be closed; the broker serves all the same.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

fn bind(config: &NodeConfig) -> Result<Vec<TcpListener>, Error> {
    let bind_one = |address: &crate::config::Address| {
        let host = if address.host.is_empty() { "0.0.0.0" } else { &address.host };
        let text = format!("{address}");
        let resolved = (host, address.port)
            .to_socket_addrs()
            .and_then(|mut found| found.next().ok_or(io::ErrorKind::AddrNotAvailable.into()))
            .map_err(|error| Error::Listen(text.clone(), error))?;
        listener::bind(resolved, &config.network).map_err(|error| match error.kind() {
            io::ErrorKind::AddrInUse => Error::AddressInUse(resolved),
            _ => Error::Listen(text, error),
        })
    };
    config.listeners.iter().map(|listener| bind_one(&listener.address)).collect()
}

fn limits(config: &NodeConfig) -> net::Limits {
    let network = &config.network;
    net::Limits {
        frame_bytes_max: network.request_bytes_max,
        queued_bytes_max: network.queued_request_bytes_max,
        connections_max: network.connections_max as usize,
        connections_per_ip_max: network.connections_per_ip_max as usize,
        connections_per_ip_overrides: per_ip_overrides(network),
        send_buffer_bytes: network.send_buffer_bytes,
        idle: network.idle_ms_max.map_or(NEVER, Duration::from_millis),
        congestion_control: match &network.congestion_control {
            CongestionControl::Auto => net::CongestionControl::RenoOnLoopback,
            CongestionControl::System => net::CongestionControl::System,
            CongestionControl::Named(name) => net::CongestionControl::Named(name.clone()),
        },
        guard: crate::wire::guard::Limits::default(),
    }
}

/// Limits of addresses; host names are looked up once.
fn per_ip_overrides(network: &Network) -> HashMap<IpAddr, usize> {
    let mut overrides = HashMap::new();
    for (host, count) in &network.connections_per_ip_overrides {
        match (host.as_str(), 0).to_socket_addrs() {
            Ok(found) => overrides.extend(found.map(|a| (a.ip().to_canonical(), *count as usize))),
            Err(error) => {
                tracing::warn!(host, %error, "max.connections.per.ip.overrides names no address");
            }
        }
    }
    overrides
}

/// Longer than any broker runs, and short enough for the timer's arithmetic.
const NEVER: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// A broker with what must outlive its handlers.
struct House {
    broker: Arc<Broker>,
    flusher: Flusher,
    metadata: Arc<crate::storage::partition::Partition>,
    /// Partitions that were not closed properly: what they had not synced may be lost.
    unclean: Vec<TopicIdPartition>,
    data_dir: DataDir,
}

impl House {
    /// Opens everything below the network, in the order in which one part needs another.
    async fn open(config: NodeConfig, listeners: &[TcpListener]) -> Result<House, Error> {
        let clock = Clock::System;
        let ids = [fresh_uuid()?, fresh_uuid()?];
        let data_dir =
            DataDir::open(&config.data_dir, config.cluster_id.as_deref(), config.node_id, ids)?;
        let rocks = Arc::new(Rocks::open(&data_dir.folder.join(layout::ROCKS))?);
        let flusher = Flusher::start(Arc::clone(&rocks))
            .map_err(|error| Error::System("the flusher cannot be started", error))?;
        let partitions = Arc::new(Partitions::new(
            data_dir.folder.clone(),
            rocks,
            flusher.handle(),
            durability(&config),
            config.producers.id_expiration_ms,
        ));
        let (log, mut image) = open_metadata(&config, &data_dir, &partitions, &clock)?;
        log.abort_unfinished(&mut image, clock.now()).await.map_err(Error::Register)?;
        let metadata = Arc::clone(log.partition());
        let unclean = open_partitions(&config, &data_dir, &partitions, &image, &clock)?;
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
            clock,
            control,
            partitions,
            bound,
            config,
        });
        Ok(House { broker, flusher, metadata, unclean, data_dir })
    }

    /// Writes this broker's registration if it is new or has changed, begins new leader epochs
    /// after an unclean stop, and opens the groups.
    async fn register(&mut self) -> Result<(), Error> {
        let broker = &self.broker;
        let record = registration(broker, self.data_dir.directory_id);
        let image = broker.control.image();
        let known = image.broker(record.broker_id).is_some_and(|known| {
            known.end_points == record.end_points && known.rack == record.rack
        });
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
        Ok(())
    }

    /// Makes everything durable, so that the next start reads nothing again.
    async fn close(mut self) {
        let broker = Arc::clone(&self.broker);
        let _no_more_commands = broker.control.quiesce().await;
        broker.groups.close().await;
        let partitions = Arc::clone(&broker.partitions);
        let metadata = Arc::clone(&self.metadata);
        let closed = tokio::task::spawn_blocking(move || {
            let mut all = partitions.all();
            all.push(metadata);
            for partition in all {
                let mut state = partition.state();
                let grown = state.log.active().size != state.checkpointed_size;
                let pending = !state.unsynced.is_empty() || state.checkpoint_due || grown;
                state.checkpoint_due |= grown;
                drop(state);
                if pending {
                    sync_partition(&partition, partitions.rocks());
                }
            }
            self.flusher.stop();
            partitions.rocks().flush();
        });
        if closed.await.is_err() {
            tracing::error!("the logs could not be closed; the next start recovers them");
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

fn open_metadata(
    config: &NodeConfig,
    data_dir: &DataDir,
    partitions: &Partitions,
    clock: &Clock,
) -> Result<(MetadataLog, Image), Error> {
    let folder = data_dir.folder.join(layout::METADATA_LOG);
    let id = TopicIdPartition { topic_id: metadata_log::TOPIC_ID, partition: 0 };
    let mut log_config = TopicConfig::resolve(&config.broker_defaults, &Default::default());
    // Only a snapshot lets go of metadata.
    log_config.cleanup_delete = false;
    // A command's records must fit a segment, whatever topics have.
    log_config.segment_bytes = metadata_log::SEGMENT_BYTES;
    let (partition, _) = partitions
        .open_in(
            folder.clone(),
            id,
            &Arc::from("__cluster_metadata"),
            Arc::new(log_config),
            metadata_log::LEADER_EPOCH,
            durability(config),
            clock.now(),
        )
        .map_err(|error| Error::Partition(folder, error))?;
    Ok(MetadataLog::open(partition, partitions.indexes())?)
}

fn open_partitions(
    config: &NodeConfig,
    data_dir: &DataDir,
    partitions: &Partitions,
    image: &Image,
    clock: &Clock,
) -> Result<Vec<TopicIdPartition>, Error> {
    let known = |name: &str| Uuid::parse(name).is_some_and(|id| image.topic_by_id(&id).is_some());
    janitor::sweep_topics(&data_dir.folder, known)
        .map_err(|error| Error::Partition(data_dir.folder.join(layout::TOPICS), error))?;
    let mut scanned_bytes = 0;
    let mut unclean = Vec::new();
    for topic in image.topics() {
        let topic_config = topic_config(&config.broker_defaults, image, &topic.name);
        for index in 0..topic.partition_count() {
            let id = TopicIdPartition { topic_id: topic.id, partition: index };
            let epoch = topic.partition(index).map_or(0, |partition| partition.leader_epoch);
            let opened = partitions
                .open(id, &topic.name, Arc::clone(&topic_config), epoch, clock.now())
                .map_err(|error| {
                    Error::Partition(layout::partition_folder(&data_dir.folder, id), error)
                })?;
            scanned_bytes += opened.scanned_bytes;
            if opened.scanned_bytes + opened.cut_bytes > 0 {
                unclean.push(id);
            }
        }
    }
    if scanned_bytes > 0 {
        tracing::info!(bytes = scanned_bytes, "read what no checkpoint covered");
    }
    Ok(unclean)
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
        ..RegisterBrokerRecord::default()
    }
}

/// Retention, now and then.
async fn keep_house(broker: Arc<Broker>, mut stopping: watch::Receiver<bool>) {
    let interval = Duration::from_millis(broker.config.log.retention_check_interval_ms);
    let mut condemned = Vec::new();
    loop {
        let delay = match condemned.is_empty() {
            true => interval,
            false => interval.min(Duration::from_secs(15)),
        };
        tokio::select! {
            // Cancel-safe: both arms only wait.
            () = net::stopped(&mut stopping) => return,
            () = tokio::time::sleep(delay) => {}
        }
        let (partitions, now) = (Arc::clone(&broker.partitions), broker.clock.now());
        let kept = std::mem::take(&mut condemned);
        let done = tokio::task::spawn_blocking(move || {
            let mut condemned = janitor::remove_condemned(kept, now);
            condemned.extend(janitor::retain(&partitions, now));
            condemned
        });
        condemned = done.await.unwrap_or_default();
    }
}

/// Work on all partitions.
type Work = fn(&Partitions, TimestampMs);

/// Does some work on the partitions now and then.
async fn repeat(
    broker: Arc<Broker>,
    mut stopping: watch::Receiver<bool>,
    interval: Duration,
    work: Work,
) {
    loop {
        tokio::select! {
            // Cancel-safe: both arms only wait.
            () = net::stopped(&mut stopping) => return,
            () = tokio::time::sleep(interval) => {}
        }
        let (partitions, now) = (Arc::clone(&broker.partitions), broker.clock.now());
        // Work that failed says so, and is tried again.
        let _ = tokio::task::spawn_blocking(move || work(&partitions, now)).await;
    }
}
