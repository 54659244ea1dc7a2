//! The settings of this node, typed and grouped by the part of the broker that they concern. They
//! do not change while the broker runs; those that may are in [`super::live`]. Deliberately reads
//! no file itself and knows no default: both are in the modules beside it.

use super::dynamic::{BrokerDefaults, TopicConfig};
use super::listeners::{self, Address, Listener};
use super::settings::{Settings, Sources};
use super::{Error, Origin};
use crate::kernel::types::NodeId;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Bytes of requests in memory where `queued.max.request.bytes` is -1, "no limit": a broker must
/// not be talked out of its memory.
const QUEUED_MAX_REQUEST_BYTES: usize = 256 << 20;

/// Everything that a node is told at its start.
#[derive(Clone, Debug)]
pub struct NodeConfig {
    /// Number of this broker, at least 0 (`node.id`).
    pub node_id: NodeId,
    /// The cluster that the data directory must belong to (`cluster.id`); `None` accepts any.
    pub cluster_id: Option<String>,
    /// Rack of this broker (`broker.rack`).
    pub rack: Option<String>,
    /// Where everything is kept (`log.dirs`, `log.dir`); may be relative and need not exist.
    pub data_dir: PathBuf,
    /// Threads that serve connections; 0 means one less than the processors, 1 to 8
    /// (`worker.threads`).
    pub worker_threads: u32,
    /// Where clients connect; at least one.
    pub listeners: Vec<Listener>,
    /// Connections and requests.
    pub network: Network,
    /// Creation and deletion of topics.
    pub topics: Topics,
    /// Storage.
    pub log: Log,
    /// Reading.
    pub fetch: Fetch,
    /// Consumer groups.
    pub groups: Groups,
    /// Committed offsets.
    pub offsets: Offsets,
    /// Idempotent producers.
    pub producers: Producers,
    /// Metrics and health.
    pub admin: Admin,
    /// Quotas.
    pub quotas: Quotas,
    /// Largest push of a client's metrics (`telemetry.max.bytes`).
    pub telemetry_bytes_max: usize,
    /// Everything that was set, by key. What may change at run time is in
    /// [`Live`](super::live::Live).
    pub broker_defaults: BrokerDefaults,
    /// What the operator should know; to be logged once.
    pub warnings: Vec<String>,
}

/// Limits of connections and requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// Connections that may wait to be accepted, at least 1 (`socket.listen.backlog.size`).
    pub listen_backlog: u32,
    /// Send buffer in bytes; `None` leaves it to the system (`socket.send.buffer.bytes`).
    pub send_buffer_bytes: Option<usize>,
    /// Receive buffer in bytes; `None` leaves it to the system (`socket.receive.buffer.bytes`).
    pub receive_buffer_bytes: Option<usize>,
    /// Congestion control of connections (`socket.congestion.control`).
    pub congestion_control: CongestionControl,
    /// Largest request, at least 1 (`socket.request.max.bytes`).
    pub request_bytes_max: usize,
    /// Requests in memory, at least `request_bytes_max` (`queued.max.request.bytes`).
    pub queued_request_bytes_max: usize,
    /// Idle time after which a connection is closed; `None` means never
    /// (`connections.max.idle.ms`).
    pub idle_ms_max: Option<u64>,
}

/// TCP congestion control.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CongestionControl {
    /// What is cheapest for connections from this machine, else the system's.
    Auto,
    /// The system's for all connections.
    System,
    /// This algorithm for connections from this machine.
    Named(String),
}

/// Creation and deletion of topics, and the metadata log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topics {
    /// Partitions of a new topic, at least 1 (`num.partitions`).
    pub partitions: i32,
    /// Replicas of a new topic, at least 1 (`default.replication.factor`).
    pub replication_factor: i16,
    /// Create topics when clients ask for them (`auto.create.topics.enable`).
    pub auto_create: bool,
    /// Let clients delete topics (`delete.topic.enable`).
    pub delete_enable: bool,
    /// Partitions in one DescribeTopicPartitions answer, at least 1
    /// (`max.request.partition.size.limit`).
    pub described_partitions_max: u32,
    /// Bytes of metadata log between two snapshots, at least 1
    /// (`metadata.log.max.record.bytes.between.snapshots`).
    pub snapshot_after_bytes: u64,
}

/// What an acknowledgement of acks=all means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// The data is on the disk.
    Fsync,
    /// The data is in the page cache, as Kafka has it.
    Os,
    /// As `Os`, and no sync at stop either; for tests.
    None,
}

/// How closely batches are looked at before they are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validation {
    /// Every record.
    Full,
    /// Batch header and checksum.
    Header,
}

/// Storage settings that are not a topic's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// What acks=all waits for (`durability`).
    pub durability: Durability,
    /// Free bytes that are kept back for metadata and offsets (`disk.reserve.bytes`).
    pub disk_reserve_bytes: u64,
    /// How closely batches are checked (`produce.validation`).
    pub validation: Validation,
    /// Largest batch after decompression, at least 1 MiB (`decompression.max.bytes`).
    pub decompression_bytes_max: usize,
    /// Time between two looks for old segments, at least 1 (`log.retention.check.interval.ms`).
    pub retention_check_interval_ms: u64,
    /// Whether logs are compacted (`log.cleaner.enable`).
    pub cleaner_enable: bool,
}

/// Limits of reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetch {
    /// Record bytes in one answer, at least 1024 (`fetch.max.bytes`).
    pub bytes_max: usize,
    /// Sessions at one time (`max.incremental.fetch.session.cache.slots`).
    pub session_slots: u32,
}

/// Limits of consumer groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Groups {
    /// Shortest session timeout (`group.min.session.timeout.ms`).
    pub session_timeout_ms_min: i32,
    /// Longest session timeout, not below the shortest (`group.max.session.timeout.ms`).
    pub session_timeout_ms_max: i32,
    /// Wait of a new group for more members (`group.initial.rebalance.delay.ms`).
    pub initial_rebalance_delay_ms: i32,
    /// Members of one group, at least 1 (`group.max.size`).
    pub size_max: u32,
}

/// Committed offsets and their topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offsets {
    /// Bytes of text beside an offset (`offset.metadata.max.bytes`).
    pub metadata_bytes_max: usize,
    /// Time for which the offsets of an empty group are kept (`offsets.retention.minutes`).
    pub retention_ms: i64,
    /// Time between two looks for old offsets (`offsets.retention.check.interval.ms`).
    pub retention_check_interval_ms: u64,
    /// Partitions of `__consumer_offsets`, at least 1 (`offsets.topic.num.partitions`).
    pub topic_partitions: i32,
    /// Replicas of `__consumer_offsets`, at least 1 (`offsets.topic.replication.factor`). To be
    /// capped by the number of brokers, because the default is 3.
    pub topic_replication_factor: i16,
    /// Segment size of `__consumer_offsets` (`offsets.topic.segment.bytes`).
    pub topic_segment_bytes: u32,
}

/// Idempotent producers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Producers {
    /// Time between two looks for silent ones (`producer.id.expiration.check.interval.ms`).
    pub id_expiration_check_interval_ms: u64,
}

/// Metrics and health.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admin {
    /// Where to listen; `None` means nowhere (`admin.listener`).
    pub listener: Option<Address>,
    /// Whether that was set, so that a taken address is an error.
    pub is_set: bool,
    /// Series of one metric (`metrics.series.max`).
    pub series_max: usize,
}

/// How quotas are measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quotas {
    /// Samples of a rate (`quota.window.num`), at least 1.
    pub samples: u32,
    /// Milliseconds of a sample (`quota.window.size.seconds`), at least 1000.
    pub sample_ms: i64,
    /// Samples of a bucket of partitions (`controller.quota.window.num`), at least 1.
    pub controller_samples: u32,
    /// Milliseconds of such a sample (`controller.quota.window.size.seconds`), at least 1000.
    pub controller_sample_ms: i64,
}

impl NodeConfig {
    /// Reads, checks and resolves all sources.
    ///
    /// # Errors
    /// An unreadable file, an unknown key or a value that cannot be, with its place.
    pub fn load(sources: &Sources) -> Result<NodeConfig, Error> {
        let mut settings = Settings::read(sources)?;
        if let Some(address) = &sources.listen {
            listen(&mut settings, address)?;
        }
        let data_dir = data_dir(&mut settings, sources)?;
        NodeConfig::resolve(settings, data_dir)
    }

    fn resolve(mut settings: Settings, data_dir: PathBuf) -> Result<NodeConfig, Error> {
        check_roles(&settings)?;
        let node_id = node_id(&mut settings)?;
        let warnings = warnings(&settings);
        let config = NodeConfig {
            node_id,
            cluster_id: cluster_id(&settings)?,
            rack: settings.text("broker.rack").map(str::to_owned),
            data_dir,
            worker_threads: settings.count("worker.threads"),
            listeners: listeners::read(&settings)?,
            network: network(&settings)?,
            topics: topics(&settings),
            log: log(&settings),
            fetch: Fetch {
                bytes_max: settings.bytes("fetch.max.bytes"),
                session_slots: settings.count("max.incremental.fetch.session.cache.slots"),
            },
            groups: groups(&settings)?,
            offsets: offsets(&settings),
            producers: producers(&settings),
            admin: admin(&settings)?,
            quotas: quotas(&settings),
            telemetry_bytes_max: settings.bytes("telemetry.max.bytes"),
            broker_defaults: BrokerDefaults::new(settings.clone().into_made()),
            warnings,
        };
        let topic = TopicConfig::resolve(&config.broker_defaults, &BTreeMap::new());
        if topic.min_compaction_lag_ms > topic.max_compaction_lag_ms {
            let problem = "it is larger than log.cleaner.max.compaction.lag.ms";
            return Err(settings.invalid("log.cleaner.min.compaction.lag.ms", problem));
        }
        Ok(config)
    }
}

/// `--listen` names the one listener, but leaves the address that is advertised for it.
fn listen(settings: &mut Settings, address: &str) -> Result<(), Error> {
    let origin = Origin::Option("--listen");
    let address = Address::parse(address).map_err(|problem| Error::Syntax { origin, problem })?;
    settings.replace("listeners", format!("PLAINTEXT://{address}"), "--listen");
    settings.replace("listener.security.protocol.map", "PLAINTEXT:PLAINTEXT".into(), "--listen");
    let is_plaintext = |text: &&str| {
        text.split_once("://").is_some_and(|(name, _)| name.eq_ignore_ascii_case("PLAINTEXT"))
    };
    let kept: Vec<&str> =
        settings.list("advertised.listeners").into_iter().filter(is_plaintext).collect();
    if settings.set_text("advertised.listeners").is_some() {
        let kept = kept.join(",");
        settings.replace("advertised.listeners", kept, "--listen");
    }
    Ok(())
}

fn data_dir(settings: &mut Settings, sources: &Sources) -> Result<PathBuf, Error> {
    if let Some(path) = &sources.data_dir {
        settings.replace("log.dirs", path.display().to_string(), "--data-dir");
        return Ok(path.clone());
    }
    let key = if settings.text("log.dirs").is_some() { "log.dirs" } else { "log.dir" };
    match *settings.list(key) {
        [path] => Ok(PathBuf::from(path)),
        [] => Err(settings.invalid(key, "the data directory has no name")),
        _ => {
            let problem = "Felice keeps everything in one data directory; name exactly one";
            Err(settings.invalid(key, problem))
        }
    }
}

fn check_roles(settings: &Settings) -> Result<(), Error> {
    let roles = settings.list("process.roles");
    if roles.is_empty() || roles.contains(&"broker") {
        return Ok(());
    }
    let problem = "Felice is always a broker; this file is for a node that is only a controller";
    Err(settings.invalid("process.roles", problem))
}

fn node_id(settings: &mut Settings) -> Result<NodeId, Error> {
    let old = settings.number("broker.id");
    if settings.set_text("node.id").is_none() && old >= 0 {
        settings.replace("node.id", old.to_string(), "broker.id");
    }
    let id = settings.number("node.id");
    if old >= 0 && old != id {
        return Err(settings.invalid("broker.id", format!("it differs from node.id, {id}")));
    }
    NodeId::try_from(id).map_err(|_| settings.invalid("node.id", "it is too large"))
}

fn cluster_id(settings: &Settings) -> Result<Option<String>, Error> {
    let Some(id) = settings.text("cluster.id") else { return Ok(None) };
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if id.len() <= 64 && id.bytes().all(allowed) {
        return Ok(Some(id.to_owned()));
    }
    Err(settings.invalid("cluster.id", "1 to 64 letters, digits, '.', '_' and '-' are allowed"))
}

/// One warning names every key without effect and says which listeners stay closed.
fn warnings(settings: &Settings) -> Vec<String> {
    let mut sentences: Vec<String> = settings.warning().into_iter().collect();
    let controllers = listeners::controller_names(settings);
    let is_controller = |text: &str| {
        let name = text.split_once("://").map(|(name, _)| name.to_ascii_uppercase());
        name.is_some_and(|name| controllers.contains(&name))
    };
    let closed: Vec<&str> =
        settings.list("listeners").into_iter().filter(|text| is_controller(text)).collect();
    if !closed.is_empty() {
        sentences.push(format!("The controller listener {} stays closed.", closed.join(", ")));
    }
    if sentences.is_empty() { Vec::new() } else { vec![sentences.join(" ")] }
}

fn network(settings: &Settings) -> Result<Network, Error> {
    let buffer = |key: &str| Some(settings.bytes(key)).filter(|bytes| *bytes > 0);
    let request_bytes_max = settings.bytes("socket.request.max.bytes");
    let queued_request_bytes_max = match settings.number("queued.max.request.bytes") {
        ..=0 => QUEUED_MAX_REQUEST_BYTES.max(request_bytes_max),
        _ => settings.bytes("queued.max.request.bytes"),
    };
    if queued_request_bytes_max < request_bytes_max {
        let problem = format!("it is smaller than socket.request.max.bytes, {request_bytes_max}");
        return Err(settings.invalid("queued.max.request.bytes", problem));
    }
    Ok(Network {
        listen_backlog: settings.count("socket.listen.backlog.size"),
        send_buffer_bytes: buffer("socket.send.buffer.bytes"),
        receive_buffer_bytes: buffer("socket.receive.buffer.bytes"),
        congestion_control: match settings.text("socket.congestion.control") {
            None | Some("auto") => CongestionControl::Auto,
            Some("system") => CongestionControl::System,
            Some(name) => CongestionControl::Named(name.to_owned()),
        },
        request_bytes_max,
        queued_request_bytes_max,
        idle_ms_max: u64::try_from(settings.number("connections.max.idle.ms")).ok(),
    })
}

fn topics(settings: &Settings) -> Topics {
    Topics {
        partitions: int(settings, "num.partitions"),
        replication_factor: short(settings, "default.replication.factor"),
        auto_create: settings.truth("auto.create.topics.enable"),
        delete_enable: settings.truth("delete.topic.enable"),
        described_partitions_max: settings.count("max.request.partition.size.limit"),
        snapshot_after_bytes: time(settings, "metadata.log.max.record.bytes.between.snapshots"),
    }
}

fn log(settings: &Settings) -> Log {
    Log {
        durability: match settings.text("durability") {
            Some("os") => Durability::Os,
            Some("none") => Durability::None,
            _ => Durability::Fsync,
        },
        disk_reserve_bytes: settings.bytes("disk.reserve.bytes") as u64,
        validation: match settings.text("produce.validation") {
            Some("header") => Validation::Header,
            _ => Validation::Full,
        },
        decompression_bytes_max: settings.bytes("decompression.max.bytes"),
        retention_check_interval_ms: time(settings, "log.retention.check.interval.ms"),
        cleaner_enable: settings.truth("log.cleaner.enable"),
    }
}

fn groups(settings: &Settings) -> Result<Groups, Error> {
    let groups = Groups {
        session_timeout_ms_min: int(settings, "group.min.session.timeout.ms"),
        session_timeout_ms_max: int(settings, "group.max.session.timeout.ms"),
        initial_rebalance_delay_ms: int(settings, "group.initial.rebalance.delay.ms"),
        size_max: settings.count("group.max.size"),
    };
    if groups.session_timeout_ms_min > groups.session_timeout_ms_max {
        let problem = "it is larger than group.max.session.timeout.ms";
        return Err(settings.invalid("group.min.session.timeout.ms", problem));
    }
    Ok(groups)
}

fn offsets(settings: &Settings) -> Offsets {
    Offsets {
        metadata_bytes_max: settings.bytes("offset.metadata.max.bytes"),
        retention_ms: settings.number("offsets.retention.minutes").saturating_mul(60_000),
        retention_check_interval_ms: time(settings, "offsets.retention.check.interval.ms"),
        topic_partitions: int(settings, "offsets.topic.num.partitions"),
        topic_replication_factor: short(settings, "offsets.topic.replication.factor"),
        topic_segment_bytes: settings.count("offsets.topic.segment.bytes"),
    }
}

fn producers(settings: &Settings) -> Producers {
    Producers {
        id_expiration_check_interval_ms: time(settings, "producer.id.expiration.check.interval.ms"),
    }
}

fn admin(settings: &Settings) -> Result<Admin, Error> {
    let key = "admin.listener";
    let listener = settings.text(key).map(Address::parse).transpose();
    Ok(Admin {
        listener: listener.map_err(|problem| settings.invalid(key, problem))?,
        is_set: settings.set_text(key).is_some(),
        series_max: settings.bytes("metrics.series.max"),
    })
}

fn quotas(settings: &Settings) -> Quotas {
    let seconds = |key: &str| settings.number(key).saturating_mul(1000);
    Quotas {
        samples: settings.count("quota.window.num"),
        sample_ms: seconds("quota.window.size.seconds"),
        controller_samples: settings.count("controller.quota.window.num"),
        controller_sample_ms: seconds("controller.quota.window.size.seconds"),
    }
}

/// A number that its key's range keeps within 32 bits.
fn int(settings: &Settings, key: &str) -> i32 {
    i32::try_from(settings.number(key)).unwrap_or(i32::MAX)
}

/// A number that its key's range keeps within 16 bits.
fn short(settings: &Settings, key: &str) -> i16 {
    i16::try_from(settings.number(key)).unwrap_or(i16::MAX)
}

/// A number that its key's range keeps at 0 or above.
fn time(settings: &Settings, key: &str) -> u64 {
    u64::try_from(settings.number(key)).unwrap_or(0)
}
