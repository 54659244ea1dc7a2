//! The keys of topics, as Kafka 4.3 has them. A table and nothing else.

use super::Check::*;
use super::Kind::*;
use super::{Check, Kind};
use super::{Key, Reason, Scope, row};

const fn topic(
    name: &'static str,
    kind: Kind,
    default: Option<&'static str>,
    check: Check,
    doc: &'static str,
) -> Key {
    row(Scope::Topic, name, kind, default, check, doc)
}

/// Sorted by name.
pub(super) const KEYS: &[Key] = &[
    topic(
        "cleanup.policy",
        List,
        Some("delete"),
        ListOf(&["compact", "delete"]),
        "What happens to old data: \"delete\" drops segments past the retention limits, empty \
         keeps everything. \"compact\" asks for keys and keeps at least the last record of each.",
    )
    .with_synonyms(&[("log.cleanup.policy", 1)]),
    topic(
        "compression.gzip.level",
        Int,
        Some("-1"),
        BetweenOr(1, 9, -1),
        "Level for batches that the broker itself compresses with gzip, from 1 to 9, or \
         -1 for the codec's default.",
    )
    .with_synonyms(&[("compression.gzip.level", 1)]),
    topic(
        "compression.lz4.level",
        Int,
        Some("9"),
        Between(1, 17),
        "Level for batches that the broker itself compresses with lz4.",
    )
    .with_synonyms(&[("compression.lz4.level", 1)]),
    topic(
        "compression.type",
        String,
        Some("producer"),
        OneOf(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"]),
        "\"producer\" stores batches as they were sent; any other choice makes the broker \
         store them in that codec.",
    )
    .with_synonyms(&[("compression.type", 1)]),
    topic(
        "compression.zstd.level",
        Int,
        Some("3"),
        Between(-131_072, 22),
        "Level for batches that the broker itself compresses with zstd.",
    )
    .with_synonyms(&[("compression.zstd.level", 1)]),
    topic(
        "delete.retention.ms",
        Long,
        Some("86400000"),
        Min(0),
        "Milliseconds for which the tombstones of a compacted topic stay readable.",
    )
    .with_synonyms(&[("log.cleaner.delete.retention.ms", 1)]),
    topic(
        "file.delete.delay.ms",
        Long,
        Some("60000"),
        Min(0),
        "Milliseconds between taking a segment out of the log and removing its file.",
    )
    .with_synonyms(&[("log.segment.delete.delay.ms", 1)]),
    topic(
        "flush.messages",
        Long,
        Some("9223372036854775807"),
        Min(1),
        "Records after which a partition is forced to the disk, whether a producer asked \
         for it or not. With 1 every answer waits for a sync, also that to acks=1. No effect with \
         durability = \"none\".",
    )
    .with_synonyms(&[("log.flush.interval.messages", 1)]),
    topic(
        "flush.ms",
        Long,
        Some("9223372036854775807"),
        Min(0),
        "Milliseconds after which a record is forced to the disk, whether a producer \
         asked for it or not; nobody waits for it. Felice looks when the time is over, Kafka once \
         in log.flush.scheduler.interval.ms. No effect with durability = \"none\".",
    )
    .with_synonyms(&[("log.flush.interval.ms", 1), ("log.flush.scheduler.interval.ms", 1)]),
    topic(
        "follower.replication.throttled.replicas",
        List,
        Some(""),
        ThrottledReplicas,
        "Replicas whose copying is slowed down on the following side.",
    )
    .no_effect(Reason::Cluster),
    topic(
        "index.interval.bytes",
        Int,
        Some("4096"),
        Min(0),
        "Bytes of log between two entries of the offset index: smaller makes lookups read \
         less and the index larger.",
    )
    .with_synonyms(&[("log.index.interval.bytes", 1)]),
    topic(
        "internal.segment.bytes",
        Int,
        None,
        Any,
        "Size of a segment in bytes without the lower limit of segment.bytes, for tests.",
    )
    .hidden(),
    topic(
        "leader.replication.throttled.replicas",
        List,
        Some(""),
        ThrottledReplicas,
        "Replicas whose copying is slowed down on the leading side.",
    )
    .no_effect(Reason::Cluster),
    topic(
        "local.retention.bytes",
        Long,
        Some("-2"),
        Min(-2),
        "Bytes of a tiered partition to keep on this machine; -2 follows retention.bytes.",
    )
    .with_synonyms(&[("log.local.retention.bytes", 1)])
    .no_effect(Reason::Tiered),
    topic(
        "local.retention.ms",
        Long,
        Some("-2"),
        Min(-2),
        "Milliseconds to keep a tiered partition on this machine; -2 follows \
         retention.ms.",
    )
    .with_synonyms(&[("log.local.retention.ms", 1)])
    .no_effect(Reason::Tiered),
    topic(
        "max.compaction.lag.ms",
        Long,
        Some("9223372036854775807"),
        Min(1),
        "Milliseconds after which a record must have been considered for compaction.",
    )
    .with_synonyms(&[("log.cleaner.max.compaction.lag.ms", 1)]),
    topic(
        "max.message.bytes",
        Int,
        Some("1048588"),
        Min(0),
        "Largest batch in bytes, as it arrives and compressed if it is, that a producer \
         may send.",
    )
    .with_synonyms(&[("message.max.bytes", 1)]),
    topic(
        "message.timestamp.after.max.ms",
        Long,
        Some("3600000"),
        Min(0),
        "Milliseconds by which a record's timestamp may lie after the broker's clock.",
    )
    .with_synonyms(&[("log.message.timestamp.after.max.ms", 1)]),
    topic(
        "message.timestamp.before.max.ms",
        Long,
        Some("9223372036854775807"),
        Min(0),
        "Milliseconds by which a record's timestamp may lie before the broker's clock.",
    )
    .with_synonyms(&[("log.message.timestamp.before.max.ms", 1)]),
    topic(
        "message.timestamp.type",
        String,
        Some("CreateTime"),
        OneOf(&["CreateTime", "LogAppendTime"]),
        "\"CreateTime\" keeps the producer's timestamps, \"LogAppendTime\" replaces them by \
         the broker's clock.",
    )
    .with_synonyms(&[("log.message.timestamp.type", 1)]),
    topic(
        "min.cleanable.dirty.ratio",
        Double,
        Some("0.5"),
        Between(0, 1),
        "Share of a compacted log that must be uncompacted before it is worth compacting.",
    )
    .with_synonyms(&[("log.cleaner.min.cleanable.ratio", 1)]),
    topic(
        "min.compaction.lag.ms",
        Long,
        Some("0"),
        Min(0),
        "Milliseconds for which a record is safe from compaction.",
    )
    .with_synonyms(&[("log.cleaner.min.compaction.lag.ms", 1)]),
    topic(
        "min.insync.replicas",
        Int,
        Some("1"),
        Min(1),
        "In-sync replicas that acks=all needs; capped by the replicas that the topic has.",
    )
    .with_synonyms(&[("min.insync.replicas", 1)])
    .no_effect(Reason::Cluster),
    topic(
        "preallocate",
        Boolean,
        Some("false"),
        Any,
        "Take segment.bytes of the disk when a segment is begun, and give back what is left when \
         it is closed. The file's size tells only what was written; where the file system cannot, \
         nothing is taken.",
    )
    .with_synonyms(&[("log.preallocate", 1)]),
    topic(
        "remote.log.copy.disable",
        Boolean,
        Some("false"),
        Any,
        "Stop copying segments to remote storage.",
    )
    .no_effect(Reason::Tiered),
    topic(
        "remote.log.delete.on.disable",
        Boolean,
        Some("false"),
        Any,
        "Delete what is in remote storage when it is switched off.",
    )
    .no_effect(Reason::Tiered),
    topic(
        "remote.storage.enable",
        Boolean,
        Some("false"),
        Any,
        "Copy closed segments to remote storage; only \"false\" is accepted.",
    )
    .no_effect(Reason::Tiered),
    topic(
        "retention.bytes",
        Long,
        Some("-1"),
        Any,
        "Bytes to which a partition is cut by dropping its oldest segments; negative \
         means no limit.",
    )
    .with_synonyms(&[("log.retention.bytes", 1)]),
    topic(
        "retention.ms",
        Long,
        Some("604800000"),
        Min(-1),
        "Milliseconds for which records are kept; -1 means for ever.",
    )
    .with_synonyms(&[
        ("log.retention.ms", 1),
        ("log.retention.minutes", 60_000),
        ("log.retention.hours", 3_600_000),
    ]),
    topic(
        "segment.bytes",
        Int,
        Some("1073741824"),
        Min(1_048_576),
        "Bytes at which a new segment is begun.",
    )
    .with_synonyms(&[("log.segment.bytes", 1)]),
    topic(
        "segment.index.bytes",
        Int,
        Some("10485760"),
        Min(4),
        "Bounds the index of a segment, at 8 bytes for each entry: a new segment is begun when it \
         is full.",
    )
    .with_synonyms(&[("log.index.size.max.bytes", 1)]),
    topic(
        "segment.jitter.ms",
        Long,
        Some("0"),
        Min(0),
        "Random milliseconds by which segment.ms is shortened, so that partitions do not \
         roll together.",
    )
    .with_synonyms(&[("log.roll.jitter.ms", 1), ("log.roll.jitter.hours", 3_600_000)]),
    topic(
        "segment.ms",
        Long,
        Some("604800000"),
        Min(1),
        "Milliseconds after which a new segment is begun even if the current one is not \
         full.",
    )
    .with_synonyms(&[("log.roll.ms", 1), ("log.roll.hours", 3_600_000)]),
    topic(
        "unclean.leader.election.enable",
        Boolean,
        Some("false"),
        Any,
        "Let a replica that missed data become leader.",
    )
    .with_synonyms(&[("unclean.leader.election.enable", 1)])
    .no_effect(Reason::Cluster),
];
