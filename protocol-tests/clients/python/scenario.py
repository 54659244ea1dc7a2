"""The client scenario of ../README.md, once for every Python library.

A library's program hands `run` an adapter with these methods (all blocking):

    codecs                                      the codecs it has, in the order of the scenario
    create_topic(topic, partitions)
    partition_count(topic) -> int
    produce(topic, codec, records) -> [offset]  in the order of the records
    read(topic, partition, count) -> [Got]      from the beginning, without a group
    member(group, topic) -> member              with assignment() -> set, poll() -> [Got],
                                                commit({partition: offset}), close()
    committed(group, topic) -> {partition: offset}

It knows nothing of any library and nothing of the broker's inside.
"""

import os
import sys
import time
from collections import namedtuple

PARTITIONS = 3
PER_CODEC = 30
DAY_MS = 86_400_000
TIMESTAMP = int(os.environ.get("CLIENTS_TIMESTAMP", time.time() * 1000 // DAY_MS * DAY_MS))
WAIT_S = 40

Record = namedtuple("Record", "partition key value headers timestamp")
Got = namedtuple("Got", "partition offset key value headers timestamp")


class Violation(Exception):
    """The broker or the client did not do what the scenario says."""


checks = 0


def check(condition, message):
    global checks
    if not condition:
        raise Violation(message)
    checks += 1
    print("  ok", message, flush=True)


def equal(actual, wanted, message):
    check(
        actual == wanted, message if actual == wanted else f"{message}: {actual!r}, not {wanted!r}"
    )


def records_of(codec, place):
    out = []
    for i in range(PER_CODEC):
        key = None if i % 10 == 3 else f"{codec}-{i}".encode()
        value = None if i % 10 == 6 else f"{codec} value {i}".encode()
        if i == 1:
            value = b"x" * 100_000
        headers = []
        if i % 2 == 0:
            headers = [
                ("trace", b"a"),
                ("trace", b"b"),
                ("empty", b""),
                ("number", str(i).encode()),
            ]
        out.append(Record(i % PARTITIONS, key, value, headers, TIMESTAMP + 1000 * place + i))
    return out


def plain_records(first, count):
    """`count` records a partition, numbered from `first` in each partition."""
    now = int(time.time() * 1000)
    return [
        Record(partition, b"k", f"{partition}/{number}".encode(), [], now)
        for number in range(first, first + count)
        for partition in range(PARTITIONS)
    ]


def verify_data(client, topic):
    sent = [r for place, codec in enumerate(client.codecs) for r in records_of(codec, place)]
    for partition in range(PARTITIONS):
        wanted = [r for r in sent if r.partition == partition]
        got = client.read(topic, partition, len(wanted))
        equal(
            [g.offset for g in got],
            list(range(len(wanted))),
            f"offsets of {topic}/{partition} are gapless",
        )
        for g, w in zip(got, wanted):
            for field in ("key", "value", "headers", "timestamp"):
                if getattr(g, field) != getattr(w, field):
                    raise Violation(
                        f"{field} at {topic}/{partition}@{g.offset}: "
                        f"{getattr(g, field)!r:.200}, not {getattr(w, field)!r:.200}"
                    )
        check(True, f"{len(wanted)} records of {topic}/{partition} are what was sent")


def until(condition, members, message):
    """Polls the members until the condition holds; a record on the way is a violation."""
    deadline = time.monotonic() + WAIT_S
    while not condition():
        if time.monotonic() > deadline:
            raise Violation(
                f"not within {WAIT_S} s: {message}; owned: {[m.assignment() for m in members]}"
            )
        for member in members:
            extra = member.poll()
            if extra:
                raise Violation(f"unexpected records while waiting for: {message}: {extra[:3]}")
    check(True, message)


def take(members, count):
    """Polls until `count` records came and half a second more for what must not come."""
    got = [[] for _ in members]
    deadline = time.monotonic() + WAIT_S
    quiet = None
    while time.monotonic() < deadline and (quiet is None or time.monotonic() < quiet):
        for member, mine in zip(members, got):
            mine.extend(member.poll())
        if quiet is None and sum(map(len, got)) >= count:
            quiet = time.monotonic() + 0.5
    return got


def exactly(got, first, count, message):
    """Each partition's records first..first+count, once each and in order."""
    for partition in range(PARTITIONS):
        mine = [(g.offset, g.value) for g in got if g.partition == partition]
        wanted = [(n, f"{partition}/{n}".encode()) for n in range(first, first + count)]
        equal(
            mine,
            wanted,
            f"{message}: partition {partition} gave {first}..{first + count - 1} once each",
        )


def create(client, topic):
    """Creates the topic and waits until it is seen: Apache Kafka may show it a moment later."""
    client.create_topic(topic, PARTITIONS)
    deadline = time.monotonic() + 5
    while client.partition_count(topic) == 0 and time.monotonic() < deadline:
        time.sleep(0.1)
    equal(client.partition_count(topic), PARTITIONS, f"{topic} has {PARTITIONS} partitions")


def before(client, prefix):
    data, group = f"{prefix}-data", f"{prefix}-group"
    everything = set(range(PARTITIONS))
    create(client, data)
    for place, codec in enumerate(client.codecs):
        offsets = client.produce(data, codec, records_of(codec, place))
        per_partition = PER_CODEC // PARTITIONS
        wanted = [place * per_partition + i // PARTITIONS for i in range(PER_CODEC)]
        equal(offsets, wanted, f"offsets acknowledged for {codec}")
    verify_data(client, data)

    create(client, group)
    a = client.member(group, group)
    until(lambda: a.assignment() == everything, [a], "A alone owns all partitions")
    b = client.member(group, group)
    until(
        lambda: a.assignment()
        and b.assignment()
        and sorted([*a.assignment(), *b.assignment()]) == sorted(everything),
        [a, b],
        "A and B share the partitions, each owned once",
    )
    client.produce(group, "none", plain_records(0, 10))
    from_a, from_b = take([a, b], 30)
    exactly(from_a + from_b, 0, 10, "shared")
    check({g.partition for g in from_a} == a.assignment(), "A got the records of its partitions")
    check({g.partition for g in from_b} == b.assignment(), "B got the records of its partitions")
    for member in (a, b):
        member.commit({partition: 10 for partition in member.assignment()})
    b.close()
    until(lambda: a.assignment() == everything, [a], "A took over when B left")
    client.produce(group, "none", plain_records(10, 10))
    exactly(take([a], 30)[0], 10, 10, "after the takeover")
    a.commit({partition: 15 for partition in everything})
    a.close()


def after(client, prefix):
    data, group = f"{prefix}-data", f"{prefix}-group"
    equal(client.partition_count(data), PARTITIONS, f"{data} still has {PARTITIONS} partitions")
    verify_data(client, data)
    equal(
        client.committed(group, group),
        dict.fromkeys(range(PARTITIONS), 15),
        "committed offsets survived",
    )
    c = client.member(group, group)
    exactly(take([c], 15)[0], 15, 5, "resumed")
    c.commit(dict.fromkeys(range(PARTITIONS), 20))
    c.close()
    offsets = client.produce(group, "none", plain_records(20, 1))
    equal(offsets, [20] * PARTITIONS, "the log goes on at offset 20")
    d = client.member(group, group)
    exactly(take([d], 3)[0], 20, 1, "resumed again")
    d.close()


def run(name, adapter):
    if len(sys.argv) != 4 or sys.argv[2] not in ("before", "after"):
        sys.exit(f"usage: {sys.argv[0]} BOOTSTRAP before|after TOPIC_PREFIX")
    bootstrap, phase, prefix = sys.argv[1:]
    client = adapter(bootstrap)
    try:
        (before if phase == "before" else after)(client, prefix)
    except Violation as violation:
        sys.exit(f"{name} FAILED in {phase}: {violation}")
    print(f"{name} ok: {checks} checks", flush=True)
