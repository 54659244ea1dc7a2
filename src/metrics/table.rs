//! Every metric there is: `/metrics`, `docs/metrics.md`, the dashboard and the rules agree with
//! this table, or a test fails. Deliberately holds no number.

use std::fmt::Write;

/// What a metric is to OpenMetrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A number that only grows, from 0 at the start of the broker.
    Counter,
    /// A number as it is now.
    Gauge,
    /// Times, counted by length; in seconds.
    Histogram,
}

/// One metric.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Name as it is exposed; counters end in `_total`.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// Names of its labels.
    pub labels: &'static [&'static str],
    /// What it means, as one sentence.
    pub help: &'static str,
    /// Kafka's metric with this meaning, empty if there is none.
    pub kafka: &'static str,
}

const fn row(
    name: &'static str,
    kind: Kind,
    labels: &'static [&'static str],
    help: &'static str,
    kafka: &'static str,
) -> Row {
    Row { name, kind, labels, help, kafka }
}

const API: &[&str] = &["api"];
const GROUP: &[&str] = &["group"];
const GROUP_PARTITION: &[&str] = &["group", "topic", "partition"];
const LISTENER: &[&str] = &["listener"];
const NONE: &[&str] = &[];
const PARTITION: &[&str] = &["topic", "partition"];
const TOPIC: &[&str] = &["topic"];

use Kind::{Counter, Gauge, Histogram};

/// Title and metrics of each part, in the order of the documentation.
pub const PARTS: &[(&str, &[Row])] = &[
    ("Traffic", TRAFFIC),
    ("Requests", REQUESTS),
    ("Connections", CONNECTIONS),
    ("Topics and partitions", PARTITIONS),
    ("Consumer groups", GROUPS),
    ("Metrics that clients push", CLIENTS),
    ("The process", PROCESS),
];

const CLIENT_SERIES: &[&str] = &["client_id", "client_instance", "metric", "attributes"];

const CLIENTS: &[Row] = &[
    row(
        "felice_client_instances",
        Gauge,
        NONE,
        "Clients that have asked which metrics to push (KIP-714).",
        "ClientMetricsInstanceCount",
    ),
    row(
        "felice_client_pushes_total",
        Counter,
        NONE,
        "Pushes that were taken.",
        "ClientMetricsPluginExportCount",
    ),
    row("felice_client_pushed_bytes_total", Counter, NONE, "Bytes of these pushes.", ""),
    row(
        "felice_client_telemetry_refused_total",
        Counter,
        NONE,
        "Pushes and questions that were refused, because they came too early, followed an old \
         subscription or could not be read.",
        "ClientMetricsThrottleCount, ClientMetricsPluginErrorCount",
    ),
    row(
        "felice_client_series_dropped_total",
        Counter,
        NONE,
        "Values in pushes for which there was no room.",
        "",
    ),
    row(
        "felice_client_series_unlisted",
        Gauge,
        NONE,
        "Series of clients beyond metrics.series.max.",
        "",
    ),
    row(
        "felice_client_metric",
        Gauge,
        CLIENT_SERIES,
        "Newest value of a metric that a client pushed.",
        "",
    ),
    row(
        "felice_client_metric_sum_total",
        Counter,
        CLIENT_SERIES,
        "Sum of a metric that a client pushed, since its first push.",
        "",
    ),
];

const TRAFFIC: &[Row] = &[
    row(
        "felice_messages_in_total",
        Counter,
        NONE,
        "Records appended to all topics.",
        "BrokerTopicMetrics MessagesInPerSec",
    ),
    row(
        "felice_bytes_in_total",
        Counter,
        NONE,
        "Bytes of batches appended to all topics.",
        "BrokerTopicMetrics BytesInPerSec",
    ),
    row(
        "felice_bytes_out_total",
        Counter,
        NONE,
        "Bytes of batches in answers to Fetch.",
        "BrokerTopicMetrics BytesOutPerSec",
    ),
    row(
        "felice_bytes_rejected_total",
        Counter,
        NONE,
        "Bytes of batches that were refused.",
        "BrokerTopicMetrics BytesRejectedPerSec",
    ),
    row(
        "felice_produce_failed_total",
        Counter,
        NONE,
        "Partitions of Produce requests that failed because the storage did.",
        "BrokerTopicMetrics FailedProduceRequestsPerSec",
    ),
    row(
        "felice_fetch_failed_total",
        Counter,
        NONE,
        "Partitions of Fetch requests that failed because the storage did.",
        "BrokerTopicMetrics FailedFetchRequestsPerSec",
    ),
    row(
        "felice_topic_messages_in_total",
        Counter,
        TOPIC,
        "Records appended to a topic.",
        "BrokerTopicMetrics MessagesInPerSec,topic=",
    ),
    row(
        "felice_topic_bytes_in_total",
        Counter,
        TOPIC,
        "Bytes of batches appended to a topic.",
        "BrokerTopicMetrics BytesInPerSec,topic=",
    ),
    row(
        "felice_topic_bytes_out_total",
        Counter,
        TOPIC,
        "Bytes of batches of a topic in answers to Fetch.",
        "BrokerTopicMetrics BytesOutPerSec,topic=",
    ),
];

const REQUESTS: &[Row] = &[
    row(
        "felice_requests_total",
        Counter,
        API,
        "Requests handled.",
        "RequestMetrics RequestsPerSec",
    ),
    row(
        "felice_request_errors_total",
        Counter,
        &["api", "error"],
        "Error codes in answers; one answer may hold several.",
        "RequestMetrics ErrorsPerSec",
    ),
    row(
        "felice_requests_refused_total",
        Counter,
        NONE,
        "Frames that could not be understood and closed their connection.",
        "",
    ),
    row(
        "felice_request_time_seconds",
        Histogram,
        &["api", "phase"],
        "Time of requests: queue is from arrival to handler, local in the handler, remote until \
         the answer may leave (the disk, a long poll, earlier answers), send until the system has \
         it, total all of it.",
        "RequestMetrics RequestQueueTimeMs, LocalTimeMs, RemoteTimeMs, ResponseSendTimeMs, \
         TotalTimeMs",
    ),
    row(
        "felice_fetches_waiting",
        Gauge,
        NONE,
        "Fetch requests that wait for more records.",
        "DelayedOperationPurgatory PurgatorySize,delayedOperation=Fetch",
    ),
    row(
        "felice_syncs_waiting",
        Gauge,
        NONE,
        "Answers that wait for the disk, counted once for each partition.",
        "DelayedOperationPurgatory PurgatorySize,delayedOperation=Produce",
    ),
    row(
        "felice_group_requests_waiting",
        Gauge,
        NONE,
        "Group requests that wait for other members or the disk.",
        "DelayedOperationPurgatory PurgatorySize,delayedOperation=Rebalance",
    ),
    row(
        "felice_fetch_sessions",
        Gauge,
        NONE,
        "Incremental fetch sessions in memory.",
        "FetchSessionCache NumIncrementalFetchSessions",
    ),
];

const CONNECTIONS: &[Row] = &[
    row(
        "felice_connections",
        Gauge,
        LISTENER,
        "Open connections.",
        "socket-server-metrics connection-count",
    ),
    row(
        "felice_connections_opened_total",
        Counter,
        LISTENER,
        "Connections that were accepted.",
        "socket-server-metrics connection-creation-total",
    ),
    row(
        "felice_connections_refused_total",
        Counter,
        LISTENER,
        "Connections that were closed at once because a limit was reached.",
        "",
    ),
    row(
        "felice_network_bytes_in_total",
        Counter,
        LISTENER,
        "Bytes read from clients.",
        "socket-server-metrics incoming-byte-total",
    ),
    row(
        "felice_network_bytes_out_total",
        Counter,
        LISTENER,
        "Bytes written to clients.",
        "socket-server-metrics outgoing-byte-total",
    ),
];

const PARTITIONS: &[Row] = &[
    row("felice_topics", Gauge, NONE, "Topics.", "KafkaController GlobalTopicCount"),
    row("felice_partitions", Gauge, NONE, "Partitions.", "ReplicaManager PartitionCount"),
    row(
        "felice_partitions_offline",
        Gauge,
        NONE,
        "Partitions that are offline after a failed write or sync.",
        "KafkaController OfflinePartitionsCount",
    ),
    row(
        "felice_log_directories_offline",
        Gauge,
        NONE,
        "1 if a write or sync has failed in the data directory, else 0.",
        "LogManager OfflineLogDirectoryCount",
    ),
    row(
        "felice_disk_full",
        Gauge,
        NONE,
        "1 while producers are refused because less is free than disk.reserve.bytes, else 0.",
        "",
    ),
    row(
        "felice_partitions_under_replicated",
        Gauge,
        NONE,
        "Partitions with fewer in-sync replicas than replicas.",
        "ReplicaManager UnderReplicatedPartitions",
    ),
    row(
        "felice_partitions_unlisted",
        Gauge,
        NONE,
        "Partitions that have no series of their own because metrics.series.max is reached.",
        "",
    ),
    row(
        "felice_producer_ids",
        Gauge,
        NONE,
        "Producers that partitions remember, counted once for each partition.",
        "ReplicaManager ProducerIdCount",
    ),
    row("felice_log_segments", Gauge, NONE, "Segments of all logs.", "Log NumLogSegments"),
    row("felice_log_size_bytes", Gauge, NONE, "Bytes of all logs.", "Log Size"),
    row(
        "felice_partition_size_bytes",
        Gauge,
        PARTITION,
        "Bytes of a partition's log.",
        "Log Size,topic=,partition=",
    ),
    row(
        "felice_partition_start_offset",
        Gauge,
        PARTITION,
        "First offset that can be read.",
        "Log LogStartOffset",
    ),
    row(
        "felice_partition_end_offset",
        Gauge,
        PARTITION,
        "Offset of the next record.",
        "Log LogEndOffset",
    ),
    row(
        "felice_partition_high_watermark",
        Gauge,
        PARTITION,
        "Offset after the last record that consumers may read.",
        "kafka.cluster:Partition; GetOffsetShell",
    ),
    row(
        "felice_log_flush_time_seconds",
        Histogram,
        NONE,
        "Time of syncs of segment files.",
        "LogFlushStats LogFlushRateAndTimeMs",
    ),
];

const GROUPS: &[Row] = &[
    row(
        "felice_groups",
        Gauge,
        &["state"],
        "Groups in a state.",
        "GroupMetadataManager NumGroups, NumGroupsStable, …",
    ),
    row("felice_group_members", Gauge, GROUP, "Members of a group.", ""),
    row(
        "felice_group_offset",
        Gauge,
        GROUP_PARTITION,
        "Offset that a group has committed.",
        "kafka-consumer-groups CURRENT-OFFSET",
    ),
    row(
        "felice_group_lag",
        Gauge,
        GROUP_PARTITION,
        "Records between the committed offset of a group and the end of the partition.",
        "kafka-consumer-groups LAG; records-lag of consumers",
    ),
    row(
        "felice_groups_unlisted",
        Gauge,
        NONE,
        "Groups of which some offsets or members have no series because metrics.series.max is \
         reached.",
        "",
    ),
];

const PROCESS: &[Row] = &[
    row("felice_build_info", Gauge, &["version"], "Version of the broker; always 1.", "AppInfo"),
    row(
        "felice_ready",
        Gauge,
        NONE,
        "1 if /health/ready says yes, else 0.",
        "KafkaServer BrokerState",
    ),
    row("felice_uptime_seconds", Gauge, NONE, "Time since the process started.", "JVM Uptime"),
    row(
        "felice_worker_busy_seconds_total",
        Counter,
        &["worker"],
        "Time that a thread which serves connections was not idle.",
        "RequestHandlerAvgIdlePercent, NetworkProcessorAvgIdlePercent",
    ),
    row("process_cpu_seconds_total", Counter, NONE, "Processor time.", "JVM ProcessCpuTime"),
    row("process_resident_memory_bytes", Gauge, NONE, "Resident memory.", "JVM memory"),
    row("process_virtual_memory_bytes", Gauge, NONE, "Virtual memory.", "JVM memory"),
    row("process_open_fds", Gauge, NONE, "Open files.", "JVM OpenFileDescriptorCount"),
    row("process_max_fds", Gauge, NONE, "Limit of open files.", "JVM MaxFileDescriptorCount"),
    row("process_threads", Gauge, NONE, "Threads.", "JVM ThreadCount"),
    row(
        "process_start_time_seconds",
        Gauge,
        NONE,
        "When the process started, since the Unix epoch.",
        "JVM StartTime",
    ),
];

/// All metrics.
pub fn rows() -> impl Iterator<Item = &'static Row> {
    PARTS.iter().flat_map(|(_, rows)| rows.iter())
}

const INTRODUCTION: &str = "\
# Metrics

This page is written by `felice config --metrics` from the table that the broker itself uses.

`http://127.0.0.1:9644/metrics` shows all of this in the text format of OpenMetrics, for Prometheus
and whatever else reads it. The address is `admin.listener`. A
[dashboard for Grafana](grafana-dashboard.json) and [rules for Prometheus](prometheus-rules.yml) use
them.

Counters start at 0 with the broker. Names of topics and groups make at most `metrics.series.max`
series of a metric (2000 by default); what is left out is counted. The last column names the metric
of Kafka's that means the same.
";

/// `docs/metrics.md`.
pub fn markdown() -> String {
    let mut page = INTRODUCTION.to_owned();
    for (title, rows) in PARTS {
        line(&mut page, format_args!("\n## {title}\n"));
        line(&mut page, format_args!("| metric | kind | labels | meaning | Kafka's |"));
        line(&mut page, format_args!("|---|---|---|---|---|"));
        for Row { name, kind, labels, help, kafka } in *rows {
            let kind = match kind {
                Counter => "counter",
                Gauge => "gauge",
                Histogram => "histogram",
            };
            let labels = labels.join(", ");
            line(&mut page, format_args!("| `{name}` | {kind} | {labels} | {help} | {kafka} |"));
        }
    }
    page
}

fn line(page: &mut String, text: std::fmt::Arguments<'_>) {
    writeln!(page, "{text}").expect("a string takes everything");
}
