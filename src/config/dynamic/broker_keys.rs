//! The broker keys that have an effect here, part by part, in the order of the documentation. A
//! table and nothing else.

use super::Check::*;
use super::Kind::*;
use super::{Check, Kind};
use super::{Key, Scope, row};

pub(super) const fn broker(
    name: &'static str,
    kind: Kind,
    default: Option<&'static str>,
    check: Check,
    doc: &'static str,
) -> Key {
    row(Scope::Broker, name, kind, default, check, doc)
}

/// Title and keys of each part.
pub(super) const PARTS: &[(&str, &[Key])] = &[
    ("The node", NODE),
    ("Network", NETWORK),
    ("Topics", TOPICS),
    ("The log", super::log_keys::LOG),
    ("Fetch", FETCH),
    ("Consumer groups and offsets", GROUPS),
    ("Producers", PRODUCERS),
    ("Quotas", QUOTAS),
    ("Telemetry", TELEMETRY),
    ("Metrics and health", ADMIN),
];

const ADMIN: &[Key] = &[
    broker(
        "admin.listener",
        String,
        Some("127.0.0.1:9644"),
        Any,
        "host:port of the web page, /metrics and /health, over HTTP without authentication; \
         port 0 means any free port, empty means none. If the default address is in use, \
         as it is by a second broker on one machine, the broker says so and runs without; \
         if an address that was set is in use, it does not start.",
    )
    .own(),
    broker(
        "metrics.series.max",
        Int,
        Some("2000"),
        Min(0),
        "Series that one metric of topics, partitions or groups may have in /metrics. What is \
         beyond is counted in felice_partitions_unlisted and felice_groups_unlisted.",
    )
    .own(),
];

const NODE: &[Key] = &[
    broker("node.id", Int, Some("1"), Min(0), "Number of this broker in Metadata and in the logs."),
    broker(
        "broker.id",
        Int,
        Some("-1"),
        Any,
        "The old name of node.id. It counts only where node.id is not set.",
    ),
    broker(
        "cluster.id",
        String,
        None,
        Any,
        "Name of the cluster that the data directory belongs to: 1 to 64 letters, digits, \
         '.', '_' and '-'. Without it, a new data directory gets a random one. A \
         directory of another cluster is refused.",
    )
    .own(),
    broker(
        "log.dirs",
        List,
        None,
        Any,
        "The data directory. Kafka's name is in the plural; Felice takes exactly one.",
    ),
    broker(
        "log.dir",
        List,
        Some("felice-data"),
        Any,
        "The data directory where log.dirs is not set. A relative path counts from the \
         working directory. Kafka's default is a temporary directory, ours stays.",
    ),
    broker(
        "broker.rack",
        String,
        None,
        Any,
        "Name of the rack or zone of this broker, as clients see it in Metadata.",
    ),
    broker(
        "worker.threads",
        Int,
        Some("0"),
        Between(0, 1024),
        "Threads that serve connections; 0 means one less than there are processors, at least 1 \
         and at most 8.",
    )
    .own(),
];

const NETWORK: &[Key] = &[
    broker(
        "listeners",
        List,
        Some("PLAINTEXT://127.0.0.1:9092"),
        Any,
        "Where to listen, as NAME://host:port, several separated by commas. An empty host \
         means all interfaces, port 0 means any free port. Kafka's default listens on all \
         interfaces; ours on this machine only, because there is no authentication by \
         default.",
    ),
    broker(
        "advertised.listeners",
        List,
        None,
        Any,
        "Addresses that clients are told to connect to, as NAME://host:port for any of \
         the listeners. A listener that is not named here answers with the address that \
         the client connected to, which is right unless a port mapping lies between.",
    ),
    broker(
        "listener.security.protocol.map",
        String,
        Some("SASL_SSL:SASL_SSL,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT"),
        Any,
        "Security protocol of each listener name. Only PLAINTEXT can be served yet.",
    ),
    broker(
        "socket.listen.backlog.size",
        Int,
        Some("1024"),
        Min(1),
        "Connections that may wait to be accepted. Kafka's default is 50.",
    ),
    broker(
        "socket.send.buffer.bytes",
        Int,
        Some("-1"),
        Min(-1),
        "Send buffer of a connection in bytes; -1 leaves it to the operating system, \
         which adapts it and is faster than a fixed size. Kafka's default is 102400.",
    ),
    broker(
        "socket.receive.buffer.bytes",
        Int,
        Some("-1"),
        Min(-1),
        "Receive buffer of a connection in bytes; -1 leaves it to the operating system. \
         Kafka's default is 102400.",
    ),
    broker(
        "socket.congestion.control",
        String,
        Some("auto"),
        Any,
        "TCP congestion control of connections from this machine: \"auto\" chooses reno, \
         which needs a fraction of the processor time there, \"system\" keeps the system's \
         setting, any other word is the name of an algorithm.",
    )
    .own(),
    broker(
        "socket.request.max.bytes",
        Int,
        Some("104857600"),
        Min(1),
        "Largest request in bytes. A larger one closes its connection.",
    ),
    broker(
        "queued.max.request.bytes",
        Long,
        Some("268435456"),
        Min(-1),
        "Bytes of all requests that may be in memory at once; connections wait to be read \
         when it is used up. At least socket.request.max.bytes. Kafka's default, -1, has \
         no limit; here -1 means 268435456, because a broker must not be talked out of \
         its memory.",
    ),
    broker(
        "connections.max.idle.ms",
        Long,
        Some("600000"),
        Min(-1),
        "Milliseconds after which a silent connection is closed; -1 means never.",
    ),
    broker(
        "max.connections",
        Int,
        Some("2147483647"),
        Min(0),
        "Connections at one time; further ones are closed at once.",
    )
    .dynamic(),
    broker(
        "max.connections.per.ip",
        Int,
        Some("2147483647"),
        Min(0),
        "Connections at one time from one address.",
    )
    .dynamic(),
    broker(
        "max.connections.per.ip.overrides",
        String,
        Some(""),
        AddressCounts,
        "Other limits for some addresses, as \"address:count\", separated by commas.",
    )
    .dynamic(),
];

const TOPICS: &[Key] = &[
    broker(
        "num.partitions",
        Int,
        Some("1"),
        Min(1),
        "Partitions of a topic that is created without saying how many.",
    ),
    broker(
        "default.replication.factor",
        Int,
        Some("1"),
        Between(1, 32_767),
        "Replicas of a topic that is created without saying how many.",
    ),
    broker(
        "auto.create.topics.enable",
        Boolean,
        Some("true"),
        Any,
        "Create a topic when a client asks for one that does not exist.",
    ),
    broker("delete.topic.enable", Boolean, Some("true"), Any, "Let clients delete topics."),
    broker(
        "max.request.partition.size.limit",
        Int,
        Some("2000"),
        Min(1),
        "Partitions in one answer to DescribeTopicPartitions.",
    ),
    broker(
        "metadata.log.max.record.bytes.between.snapshots",
        Long,
        Some("20971520"),
        Min(1),
        "Bytes of metadata log after which it is replaced by a snapshot.",
    ),
];

const FETCH: &[Key] = &[
    broker(
        "fetch.max.bytes",
        Int,
        Some("57671680"),
        Min(1024),
        "Bytes of records in one answer, whatever the client asks for. A single batch may \
         be larger.",
    ),
    broker(
        "max.incremental.fetch.session.cache.slots",
        Int,
        Some("1000"),
        Min(0),
        "Fetch sessions that are kept at one time; further clients fetch without one.",
    ),
];

const GROUPS: &[Key] = &[
    broker(
        "group.min.session.timeout.ms",
        Int,
        Some("6000"),
        Min(1),
        "Shortest session timeout that a member may ask for.",
    ),
    broker(
        "group.max.session.timeout.ms",
        Int,
        Some("1800000"),
        Min(1),
        "Longest session timeout that a member may ask for.",
    ),
    broker(
        "group.initial.rebalance.delay.ms",
        Int,
        Some("3000"),
        Min(0),
        "Milliseconds for which a new group waits for more members before its first \
         rebalance.",
    ),
    broker("group.max.size", Int, Some("2147483647"), Min(1), "Members of one group."),
    broker(
        "offset.metadata.max.bytes",
        Int,
        Some("4096"),
        Min(0),
        "Bytes of text that a client may keep with a committed offset.",
    ),
    broker(
        "offsets.retention.minutes",
        Int,
        Some("10080"),
        Min(1),
        "Minutes for which the offsets of a group without members are kept.",
    ),
    broker(
        "offsets.retention.check.interval.ms",
        Long,
        Some("600000"),
        Min(1),
        "Milliseconds between two looks for offsets past their retention.",
    ),
    broker(
        "offsets.topic.num.partitions",
        Int,
        Some("50"),
        Min(1),
        "Partitions of __consumer_offsets. It counts when that topic is created.",
    ),
    broker(
        "offsets.topic.replication.factor",
        Short,
        Some("3"),
        Min(1),
        "Replicas of __consumer_offsets, capped by the number of brokers.",
    ),
    broker(
        "offsets.topic.segment.bytes",
        Int,
        Some("104857600"),
        Min(1),
        "Bytes at which __consumer_offsets begins a new segment.",
    ),
];

const TELEMETRY: &[Key] = &[broker(
    "telemetry.max.bytes",
    Int,
    Some("1048576"),
    Min(1),
    "Bytes of one push of a client's metrics.",
)];

const QUOTAS: &[Key] = &[
    broker(
        "quota.window.num",
        Int,
        Some("11"),
        Min(1),
        "Samples over which the rates of clients and of new connections are taken.",
    ),
    broker("quota.window.size.seconds", Int, Some("1"), Min(1), "Seconds of such a sample."),
    broker(
        "controller.quota.window.num",
        Int,
        Some("11"),
        Min(1),
        "Samples for which a client may save up partitions to create and delete.",
    ),
    broker(
        "controller.quota.window.size.seconds",
        Int,
        Some("1"),
        Min(1),
        "Seconds of such a sample.",
    ),
    broker(
        "max.connection.creation.rate",
        Int,
        Some("2147483647"),
        Min(0),
        "New connections per second; above it accepting pauses.",
    )
    .dynamic(),
];

const PRODUCERS: &[Key] = &[
    broker(
        "producer.id.expiration.ms",
        Int,
        Some("86400000"),
        Min(1),
        "Milliseconds after which a partition forgets an idempotent producer that went \
         silent.",
    )
    .dynamic(),
    broker(
        "producer.id.expiration.check.interval.ms",
        Int,
        Some("600000"),
        Min(1),
        "Milliseconds between two looks for such producers.",
    )
    .hidden(),
];
