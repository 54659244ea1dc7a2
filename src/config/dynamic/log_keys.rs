//! The broker keys of the log: the defaults of most topic settings. A table and nothing else.

use super::Check::*;
use super::Key;
use super::Kind::*;
use super::broker_keys::broker;

/// The part "The log".
pub(super) const LOG: &[Key] = &[
    broker(
        "durability",
        String,
        Some("fsync"),
        OneOf(&["fsync", "os", "none"]),
        "What acks=all waits for: \"fsync\" until the data is on the disk, \"os\" until it is \
         in the page cache, as Kafka does, \"none\" the same with no flush at stop either, \
         for tests.",
    )
    .own(),
    broker(
        "disk.reserve.bytes",
        Long,
        Some("67108864"),
        Min(0),
        "Bytes of the volume that are kept free of records, for metadata, offsets and RocksDB; at \
         most a tenth of it. While less is free Produce is refused with KAFKA_STORAGE_ERROR, \
         which clients retry.",
    )
    .own(),
    broker(
        "produce.validation",
        String,
        Some("full"),
        OneOf(&["full", "header"]),
        "\"full\" reads every record of a batch before it is stored, as Kafka does; \
         \"header\" checks the batch header and the checksum only, for trusted producers.",
    )
    .own(),
    broker(
        "decompression.max.bytes",
        Long,
        Some("268435456"),
        Between(1_048_576, 2_147_483_647),
        "Bytes that one batch may have when it is decompressed for its checks. A larger \
         one is refused.",
    )
    .own(),
    broker(
        "log.segment.bytes",
        Int,
        Some("1073741824"),
        Min(1_048_576),
        "Bytes at which a new segment is begun.",
    )
    .dynamic(),
    broker(
        "log.roll.ms",
        Long,
        None,
        Min(1),
        "Milliseconds after which a new segment is begun. Wins over log.roll.hours.",
    )
    .dynamic(),
    broker("log.roll.hours", Int, Some("168"), Min(1), "Hours after which a new segment is begun."),
    broker(
        "log.roll.jitter.ms",
        Long,
        None,
        Min(0),
        "Random milliseconds by which the time of a segment is shortened. Wins over \
         log.roll.jitter.hours.",
    )
    .dynamic(),
    broker(
        "log.roll.jitter.hours",
        Int,
        Some("0"),
        Min(0),
        "Random hours by which the time of a segment is shortened.",
    ),
    broker(
        "log.retention.ms",
        Long,
        None,
        Min(-1),
        "Milliseconds for which records are kept; -1 means for ever. Wins over \
         log.retention.minutes and log.retention.hours.",
    )
    .dynamic(),
    broker(
        "log.retention.minutes",
        Int,
        None,
        Min(-1),
        "Minutes for which records are kept; -1 means for ever. Wins over \
         log.retention.hours.",
    ),
    broker(
        "log.retention.hours",
        Int,
        Some("168"),
        Min(-1),
        "Hours for which records are kept; -1 means for ever.",
    ),
    broker(
        "log.retention.bytes",
        Long,
        Some("-1"),
        Any,
        "Bytes to which a partition is cut by dropping its oldest segments; negative \
         means no limit.",
    )
    .dynamic(),
    broker(
        "log.retention.check.interval.ms",
        Long,
        Some("300000"),
        Min(1),
        "Milliseconds between two looks for segments past their retention.",
    ),
    broker(
        "log.cleanup.policy",
        List,
        Some("delete"),
        ListOf(&["compact", "delete"]),
        "What happens to old data: \"delete\" drops segments past the retention limits, empty \
         keeps everything. \"compact\" asks for keys and keeps at least the last record of each.",
    )
    .dynamic(),
    broker(
        "log.cleaner.enable",
        Boolean,
        Some("true"),
        Any,
        "Whether logs whose policy asks for it are compacted.",
    ),
    broker(
        "log.cleaner.backoff.ms",
        Long,
        Some("15000"),
        Min(0),
        "Milliseconds between two looks for logs to compact.",
    )
    .dynamic(),
    broker(
        "log.cleaner.dedupe.buffer.size",
        Long,
        Some("134217728"),
        Any,
        "Bytes of memory for the keys of a log that is being compacted, 24 for each; taken as \
         they are needed.",
    )
    .dynamic(),
    broker(
        "log.cleaner.io.max.bytes.per.second",
        Double,
        Some("1.7976931348623157E308"),
        Any,
        "Bytes that compaction reads and writes in a second.",
    )
    .dynamic(),
    broker(
        "log.cleaner.threads",
        Int,
        Some("1"),
        Min(0),
        "Logs that are compacted at the same time, at most 32. The memory and the bytes per second \
         are shared between them.",
    )
    .dynamic(),
    broker(
        "log.cleaner.delete.retention.ms",
        Long,
        Some("86400000"),
        Min(0),
        "Milliseconds for which the tombstones of a compacted topic stay readable.",
    )
    .dynamic(),
    broker(
        "log.cleaner.min.cleanable.ratio",
        Double,
        Some("0.5"),
        Between(0, 1),
        "Share of a compacted log that must be uncompacted before it is worth compacting.",
    )
    .dynamic(),
    broker(
        "log.cleaner.min.compaction.lag.ms",
        Long,
        Some("0"),
        Min(0),
        "Milliseconds for which a record is safe from compaction.",
    )
    .dynamic(),
    broker(
        "log.cleaner.max.compaction.lag.ms",
        Long,
        Some("9223372036854775807"),
        Min(1),
        "Milliseconds after which a record must have been considered for compaction.",
    )
    .dynamic(),
    broker(
        "log.segment.delete.delay.ms",
        Long,
        Some("60000"),
        Min(0),
        "Milliseconds between taking a segment out of the log and removing its file.",
    )
    .dynamic(),
    broker(
        "log.flush.interval.messages",
        Long,
        Some("9223372036854775807"),
        Min(1),
        "Records after which a partition is forced to the disk, whether a producer asked for it \
         or not.",
    )
    .dynamic(),
    broker(
        "log.flush.interval.ms",
        Long,
        None,
        Any,
        "Milliseconds after which a record is forced to the disk, whether a producer asked for it \
         or not. Wins over log.flush.scheduler.interval.ms.",
    )
    .dynamic(),
    broker(
        "log.flush.scheduler.interval.ms",
        Long,
        Some("9223372036854775807"),
        Any,
        "What log.flush.interval.ms is where it is not set. Felice needs no schedule.",
    ),
    broker(
        "log.preallocate",
        Boolean,
        Some("false"),
        Any,
        "Take log.segment.bytes of the disk when a segment is begun.",
    )
    .dynamic(),
    broker(
        "log.index.interval.bytes",
        Int,
        Some("4096"),
        Min(0),
        "Bytes of log between two entries of the offset index: smaller makes lookups read \
         less and the index larger.",
    )
    .dynamic(),
    broker(
        "message.max.bytes",
        Int,
        Some("1048588"),
        Min(0),
        "Largest batch in bytes, as it arrives and compressed if it is, that a producer \
         may send.",
    )
    .dynamic(),
    broker(
        "log.message.timestamp.type",
        String,
        Some("CreateTime"),
        OneOf(&["CreateTime", "LogAppendTime"]),
        "\"CreateTime\" keeps the producer's timestamps, \"LogAppendTime\" replaces them by \
         the broker's clock.",
    )
    .dynamic(),
    broker(
        "log.message.timestamp.before.max.ms",
        Long,
        Some("9223372036854775807"),
        Min(0),
        "Milliseconds by which a record's timestamp may lie before the broker's clock.",
    )
    .dynamic(),
    broker(
        "log.message.timestamp.after.max.ms",
        Long,
        Some("3600000"),
        Min(0),
        "Milliseconds by which a record's timestamp may lie after the broker's clock.",
    )
    .dynamic(),
    broker(
        "log.index.size.max.bytes",
        Int,
        Some("10485760"),
        Min(4),
        "Bounds the index of a segment, at 8 bytes for each entry: a new segment is begun when it \
         is full.",
    )
    .dynamic(),
    broker(
        "compression.type",
        String,
        Some("producer"),
        OneOf(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"]),
        "\"producer\" stores batches as they were sent; any other choice makes the broker \
         store them in that codec.",
    )
    .dynamic(),
    broker(
        "compression.gzip.level",
        Int,
        Some("-1"),
        BetweenOr(1, 9, -1),
        "Level for batches that the broker itself compresses with gzip, from 1 to 9, or \
         -1 for the codec's default.",
    )
    .dynamic(),
    broker(
        "compression.lz4.level",
        Int,
        Some("9"),
        Between(1, 17),
        "Level for batches that the broker itself compresses with lz4.",
    )
    .dynamic(),
    broker(
        "compression.zstd.level",
        Int,
        Some("3"),
        Between(-131_072, 22),
        "Level for batches that the broker itself compresses with zstd.",
    )
    .dynamic(),
];
