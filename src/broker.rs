//! The composition root: builds every part in order, opens the doors last, and takes everything
//! down in the reverse order. The only place that knows all parts.

mod house;
mod tasks;
#[cfg(test)]
mod tests;

use std::io::{self, Write};
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use self::house::House;
use crate::admin::{self, Admin};
use crate::api;
use crate::clock::Clock;
use crate::config::node::CongestionControl;
use crate::config::{Address, NodeConfig};
use crate::coordinator::control::Control;
use crate::coordinator::fetch::FetchSessions;
use crate::coordinator::groups::GroupCoordinator;
use crate::coordinator::ids::ProducerIds;
use crate::coordinator::quotas::Quotas;
use crate::coordinator::telemetry::Telemetry;
use crate::metrics::Metrics;
use crate::net::{self, Net, listener};
use crate::storage::data_dir;
use crate::storage::error::StorageError;
use crate::storage::metadata_log;
use crate::storage::partitions::Partitions;
use crate::storage::rocks;

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
    /// What is counted and timed.
    pub metrics: Arc<Metrics>,
    /// Client quotas.
    pub quotas: Arc<Quotas>,
    /// Metrics that clients push.
    pub telemetry: Telemetry,
    /// Addresses the listeners are bound to, in the order of the configuration.
    pub bound: Vec<SocketAddr>,
    /// Turns true when the broker stops: long polls are answered then.
    pub stopping: watch::Receiver<bool>,
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
    /// The address of metrics and health is taken, and was set.
    #[error(
        "cannot listen on {0}: the address is in use. Stop the other process or choose another \
         address with admin.listener"
    )]
    AdminAddressInUse(SocketAddr),
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
            Error::AddressInUse(_) | Error::AdminAddressInUse(_) => 3,
            Error::DataDir(_) | Error::Metadata(_) | Error::Partition(..) | Error::Rocks(_) => 4,
            Error::Listen(..) | Error::Register(_) | Error::System(..) => 1,
        }
    }
}

/// Runs a broker until SIGINT or SIGTERM.
pub fn run(config: NodeConfig) -> Result<(), Error> {
    let started = Instant::now();
    raise_open_files_limit();
    survive_file_size_limit();
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

/// A file that grows beyond the limit of the process is an error of that write, not the end of the
/// process.
fn survive_file_size_limit() {
    // SAFETY: it takes no pointer to anything of ours, and no handler runs.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
}

async fn serve(config: NodeConfig, started: Instant) -> Result<(), Error> {
    let signals = |kind| signal(kind).map_err(|error| Error::System("no signal handler", error));
    let (mut interrupt, mut terminate) =
        (signals(SignalKind::interrupt())?, signals(SignalKind::terminate())?);
    let (stop, stopping) = watch::channel(false);
    let listeners = bind(&config)?;
    let names = config.listeners.iter().map(|listener| listener.name.clone());
    let metrics = Arc::new(Metrics::new(api::names(), names));
    let mut tasks = tokio::task::JoinSet::new();
    let admin = Admin::new(Arc::clone(&metrics), started, config.admin.series_max);
    if let Some(listener) = bind_admin(&config)? {
        // Before anything is read, so that it can be asked how far the broker is.
        tasks.spawn(admin::run(listener, Arc::clone(&admin), stopping.clone()));
    }
    let mut house = House::open(config, &listeners, metrics, stopping.clone()).await?;
    house.register().await?;
    let broker = Arc::clone(&house.broker);
    let net = Arc::new(Net::new(limits(&broker.config), stopping.clone()));
    for (index, listener) in listeners.into_iter().enumerate() {
        tasks.spawn(listener::run(listener, index, Arc::clone(&net), Arc::clone(&broker)));
    }
    tasks::spawn(&mut tasks, &broker, &stopping);
    admin.open(Arc::clone(&broker), net);
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
    let bind_one = |address: &Address| {
        let resolved = resolve(address)?;
        listener::bind(resolved, &config.network).map_err(|error| match error.kind() {
            io::ErrorKind::AddrInUse => Error::AddressInUse(resolved),
            _ => Error::Listen(address.to_string(), error),
        })
    };
    config.listeners.iter().map(|listener| bind_one(&listener.address)).collect()
}

fn resolve(address: &Address) -> Result<SocketAddr, Error> {
    let host = if address.host.is_empty() { "0.0.0.0" } else { &address.host };
    (host, address.port)
        .to_socket_addrs()
        .and_then(|mut found| found.next().ok_or(io::ErrorKind::AddrNotAvailable.into()))
        .map_err(|error| Error::Listen(address.to_string(), error))
}

/// The listener of metrics and health. Nobody who starts a second broker on a machine should have
/// to know of it: where its default address is taken there is none.
fn bind_admin(config: &NodeConfig) -> Result<Option<TcpListener>, Error> {
    let Some(address) = &config.admin.listener else { return Ok(None) };
    let resolved = resolve(address)?;
    match listener::bind(resolved, &config.network) {
        Ok(listener) => Ok(Some(listener)),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && config.admin.is_set => {
            Err(Error::AdminAddressInUse(resolved))
        }
        Err(error) if config.admin.is_set => Err(Error::Listen(address.to_string(), error)),
        Err(error) => {
            tracing::warn!(%address, %error,
                "no metrics and no web page: choose another address with admin.listener");
            Ok(None)
        }
    }
}

fn limits(config: &NodeConfig) -> net::Limits {
    let network = &config.network;
    net::Limits {
        frame_bytes_max: network.request_bytes_max,
        queued_bytes_max: network.queued_request_bytes_max,
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

/// Longer than any broker runs, and short enough for the timer's arithmetic.
const NEVER: Duration = Duration::from_secs(10 * 365 * 24 * 3600);
