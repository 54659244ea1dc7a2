"""The judge: compares what clients were told with what the broker has. Pure functions over plain
data, so that `scripts/crash --self-test` can hand them planted faults.

A log is, per partition, a list of (offset, producer, sequence, checksum, intact) in the order in
which the broker served it. Faults are (kind, text) pairs; the kinds are in KINDS.
"""

from rows import COMMITTED, CREATED, DELETED, IDEMPOTENT, PRODUCERS, SEEN, topic_name

KINDS = {
    "gap": "offsets are not dense",
    "lost": "an acknowledged record is not at the offset that was acknowledged",
    "duplicate": "a record of the idempotent producer is there twice",
    "order": "records of one producer are not in the order in which it sent them",
    "missing": "a record of the idempotent producer is not in the log",
    "damaged": "a record is not what was sent",
    "changed": "a record is not what a consumer saw at its offset",
    "unseen": "a record was never delivered to the group",
    "commit": "a committed offset went back behind what was acknowledged",
    "topic": "a topic is gone although it was created, or there although it was deleted",
    "producer-id": "a producer ID was handed out twice",
    "watermark": "the high watermark went back behind what was acknowledged or seen",
}
SHOWN_MAX = 8


class Faults(list):
    """Collects faults; only the first of a kind are kept as text, all are counted."""

    def __init__(self):
        super().__init__()
        self.counts = {}

    def add(self, kind, text):
        assert kind in KINDS, kind
        self.counts[kind] = self.counts.get(kind, 0) + 1
        if self.counts[kind] <= SHOWN_MAX:
            self.append((kind, text))

    def lines(self):
        """The faults as lines for people, with counts of what is not shown."""
        for kind, text in self:
            yield f"{kind}: {text}"
        for kind, count in self.counts.items():
            if count > SHOWN_MAX:
                yield f"{kind}: {count - SHOWN_MAX} more ({KINDS[kind]})"


def check_log(faults, partition, log, start, end):
    """Offsets from `start` to `end` are all there once, in order, and every record is intact."""
    wanted = start
    for offset, producer, sequence, _, intact in log:
        if offset != wanted:
            faults.add("gap", f"partition {partition}: offset {offset} follows {wanted - 1}")
        wanted = offset + 1
        if not intact:
            faults.add(
                "damaged",
                f"partition {partition} offset {offset}: claims to be {label(producer, sequence)}",
            )
    if wanted != end:
        faults.add("gap", f"partition {partition}: the log ends at {wanted}, not at {end}")


def label(producer, sequence):
    """A record's name for people."""
    return f"{PRODUCERS.get(producer, producer)} record {sequence}"


def check_acked(faults, producer, acked, logs):
    """Every acknowledged record is at the offset that its acknowledgement named."""
    at = {
        partition: {row[0]: (row[1], row[2]) for row in log} for partition, log in logs.items()
    }
    for partition, offset, sequence in acked:
        found = at[partition].get(offset)
        if found == (producer, sequence):
            continue
        there = "nothing" if found is None else label(*found)
        faults.add(
            "lost",
            f"{label(producer, sequence)} was acknowledged at partition {partition} "
            f"offset {offset}, where there is {there}",
        )


def check_sequence(faults, producer, partition, log, sent):
    """Each of the records `0..sent` of an idempotent producer stands there once, in order."""
    last, first_at = -1, {}
    for offset, owner, sequence, _, _ in log:
        if owner != producer:
            continue
        where = f"partition {partition} offset {offset}: {label(producer, sequence)}"
        if sequence in first_at:
            faults.add("duplicate", f"{where} is already at offset {first_at[sequence]}")
            continue
        first_at[sequence] = offset
        if sequence < last:
            faults.add("order", f"{where} stands behind record {last}")
        last = max(last, sequence)
    for sequence in range(sent):
        if sequence not in first_at:
            faults.add("missing", f"partition {partition}: {label(producer, sequence)}")


def check_consumed(faults, consumed, logs):
    """`consumed` holds each member's rows in their order. What was seen is what is there, nothing
    is delivered from behind an own acknowledged commit, and the group saw every record."""
    sums = {partition: {row[0]: row[3] for row in log} for partition, log in logs.items()}
    seen = {partition: set() for partition in logs}
    for member, rows in consumed.items():
        committed = {}
        for kind, partition, offset, checksum in rows:
            if kind == COMMITTED:
                committed[partition] = max(committed.get(partition, 0), offset)
                continue
            assert kind == SEEN
            seen[partition].add(offset)
            if offset < committed.get(partition, 0):
                faults.add(
                    "commit",
                    f"member {member} got partition {partition} offset {offset} "
                    f"after its commit of {committed[partition]} was acknowledged",
                )
            if sums[partition].get(offset) != checksum:
                faults.add(
                    "changed", f"member {member} saw another partition {partition} offset {offset}"
                )
    for partition, log in logs.items():
        for row in log:
            if row[0] not in seen[partition]:
                faults.add("unseen", f"partition {partition} offset {row[0]}")


def check_watermarks(faults, reached, watermarks):
    """`reached` maps a reason to the offsets, per partition, that the high watermark is not below;
    `watermarks` is what the broker says after its restart."""
    for reason, ends in reached.items():
        for partition, end in ends.items():
            if watermarks[partition] < end:
                faults.add(
                    "watermark",
                    f"partition {partition}: {watermarks[partition]} after the restart, "
                    f"but {end} was {reason}",
                )


def check_commits(faults, acknowledged, stored):
    """`acknowledged`: highest commit that was acknowledged per partition; `stored`: what the
    broker says (-1 for none)."""
    for partition, offset in acknowledged.items():
        if stored.get(partition, -1) < offset:
            faults.add(
                "commit",
                f"partition {partition}: {stored.get(partition, -1)} is stored after the restart, "
                f"but {offset} was acknowledged",
            )


def check_topics(faults, changes, names):
    """`changes`: acknowledged and attempted changes in their order; `names`: what there is now.
    Between an attempt and its acknowledgement either is right."""
    last = {number: kind for kind, number in changes}
    for number, kind in last.items():
        there = topic_name(number) in names
        if kind == CREATED and not there:
            faults.add("topic", f"{topic_name(number)} was created and is gone")
        if kind == DELETED and there:
            faults.add("topic", f"{topic_name(number)} was deleted and is there")


def check_producer_id(faults, given, fresh):
    """`given`: every producer ID so far, to which the fresh one is added."""
    if fresh in given:
        faults.add("producer-id", f"{fresh} was given to another producer before")
    given.add(fresh)


def check_all(faults, logs, bounds, acked, consumed, sent):
    """The whole run. `bounds`: start and end offset per partition; `acked`: rows per producer;
    `sent`: how many records the idempotent producer sent per partition."""
    for partition, log in logs.items():
        check_log(faults, partition, log, *bounds[partition])
        check_sequence(faults, IDEMPOTENT, partition, log, sent[partition])
    for producer, rows in acked.items():
        check_acked(faults, producer, rows, logs)
    check_consumed(faults, consumed, logs)
