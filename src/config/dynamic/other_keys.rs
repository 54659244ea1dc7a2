//! The keys of groups and of client metrics subscriptions, as Kafka 4.3 has them. Tables and
//! nothing else.

use super::Check::*;
use super::Kind::*;
use super::{Check, Key, Kind, Reason, Scope, row};

const fn group(
    name: &'static str,
    kind: Kind,
    default: &'static str,
    check: Check,
    doc: &'static str,
) -> Key {
    row(Scope::Group, name, kind, Some(default), check, doc).no_effect(Reason::Later)
}

const fn metrics(
    name: &'static str,
    kind: Kind,
    default: &'static str,
    check: Check,
    doc: &'static str,
) -> Key {
    row(Scope::ClientMetrics, name, kind, Some(default), check, doc)
}

/// Sorted by name.
pub(super) const GROUP: &[Key] = &[
    group(
        "consumer.assignment.interval.ms",
        Int,
        "1000",
        Min(0),
        "Least milliseconds between two assignments of a consumer group.",
    )
    .with_synonyms(&[("group.consumer.assignment.interval.ms", 1)]),
    group(
        "consumer.heartbeat.interval.ms",
        Int,
        "5000",
        Min(1),
        "Milliseconds between two heartbeats of a consumer group's member.",
    )
    .with_synonyms(&[("group.consumer.heartbeat.interval.ms", 1)]),
    group(
        "consumer.session.timeout.ms",
        Int,
        "45000",
        Min(1),
        "Milliseconds without a heartbeat after which a consumer group's member is gone.",
    )
    .with_synonyms(&[("group.consumer.session.timeout.ms", 1)]),
    group(
        "share.assignment.interval.ms",
        Int,
        "1000",
        Min(0),
        "Least milliseconds between two assignments of a share group.",
    )
    .with_synonyms(&[("group.share.assignment.interval.ms", 1)]),
    group(
        "share.auto.offset.reset",
        String,
        "latest",
        OffsetReset,
        "Where a share group begins: \"earliest\", \"latest\", or \"by_duration:\" with a time to \
         go back, as PnDTnHnMn.nS.",
    ),
    group(
        "share.delivery.count.limit",
        Int,
        "5",
        Min(1),
        "Deliveries of a record to a share group before it is given up.",
    )
    .with_synonyms(&[("group.share.delivery.count.limit", 1)]),
    group(
        "share.heartbeat.interval.ms",
        Int,
        "5000",
        Min(1),
        "Milliseconds between two heartbeats of a share group's member.",
    )
    .with_synonyms(&[("group.share.heartbeat.interval.ms", 1)]),
    group(
        "share.isolation.level",
        String,
        "read_uncommitted",
        OneOf(&["read_committed", "read_uncommitted"]),
        "Whether a share group is given the records of transactions that were aborted.",
    ),
    group(
        "share.partition.max.record.locks",
        Int,
        "2000",
        Min(1),
        "Records of one partition that the members of a share group may hold.",
    )
    .with_synonyms(&[("group.share.partition.max.record.locks", 1)]),
    group(
        "share.record.lock.duration.ms",
        Int,
        "30000",
        Min(1),
        "Milliseconds for which a member of a share group holds a record.",
    )
    .with_synonyms(&[("group.share.record.lock.duration.ms", 1)]),
    group(
        "share.renew.acknowledge.enable",
        Boolean,
        "true",
        Any,
        "Let members of a share group hold a record for longer.",
    ),
    group(
        "share.session.timeout.ms",
        Int,
        "45000",
        Min(1),
        "Milliseconds without a heartbeat after which a share group's member is gone.",
    )
    .with_synonyms(&[("group.share.session.timeout.ms", 1)]),
    group(
        "streams.assignment.interval.ms",
        Int,
        "1000",
        Min(0),
        "Least milliseconds between two assignments of a streams group.",
    )
    .with_synonyms(&[("group.streams.assignment.interval.ms", 1)]),
    group(
        "streams.heartbeat.interval.ms",
        Int,
        "5000",
        Min(1),
        "Milliseconds between two heartbeats of a streams group's member.",
    )
    .with_synonyms(&[("group.streams.heartbeat.interval.ms", 1)]),
    group(
        "streams.initial.rebalance.delay.ms",
        Int,
        "3000",
        Min(0),
        "Milliseconds for which a new streams group waits for more members.",
    )
    .with_synonyms(&[("group.streams.initial.rebalance.delay.ms", 1)]),
    group(
        "streams.num.standby.replicas",
        Int,
        "0",
        Min(0),
        "Members that keep a copy of each task's state.",
    )
    .with_synonyms(&[("group.streams.num.standby.replicas", 1)]),
    group(
        "streams.session.timeout.ms",
        Int,
        "45000",
        Min(1),
        "Milliseconds without a heartbeat after which a streams group's member is gone.",
    )
    .with_synonyms(&[("group.streams.session.timeout.ms", 1)]),
];

/// Sorted by name.
pub(super) const CLIENT_METRICS: &[Key] = &[
    metrics(
        "interval.ms",
        Int,
        "300000",
        Any,
        "Milliseconds between two pushes of a client's metrics, from 100 to 3600000.",
    ),
    metrics(
        "match",
        List,
        "",
        Distinct,
        "Clients that are asked, as \"name=pattern\" pairs that must all fit. Names are \
         client_instance_id, client_id, client_software_name, client_software_version, \
         client_source_address and client_source_port.",
    ),
    metrics(
        "metrics",
        List,
        "",
        Distinct,
        "Beginnings of the names of the metrics that are asked for; \"*\" asks for all, empty for \
         none.",
    ),
];
