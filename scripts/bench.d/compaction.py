"""The compaction of a topic: how long it takes, what it costs, and what producers feel of it.

A topic is written while nothing may be compacted; then its configuration is changed, and the log
is watched until it has stopped shrinking. Both brokers look for work each 100 ms.
"""

import concurrent.futures
import time

import machine
import wire
from rows import CACHE, KIB, PARTITIONS
from table import Figure

LOAD = "compaction, 2 GiB of 1 M keys"
KEYS = 1_000_000
# Small, because the segment that is written to is never compacted.
SEGMENT = {"segment.bytes": str(32 << 20)}
# Both look for work this often.
SETTINGS = {"log.cleaner.backoff.ms": "100"}
KEPT = {"cleanup.policy": "delete", **SEGMENT}
COMPACTED = {"cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.001", **SEGMENT}
# A log that has not got smaller for this long is done; longer than either takes for a segment.
QUIET_SECONDS = 15
LIMIT_SECONDS = 600


def compaction(bench, broker):
    """Two runs on one broker: alone for the cost, beside a producer for its latency."""
    quiet = rate(bench, broker)
    others, name = log_bytes(broker), filled(bench, broker, "compacted")
    before, cpu, begin = log_bytes(broker) - others, broker.cpu(), time.monotonic()
    took = compact(broker, name)
    used = broker.cpu() - cpu - broker.idle_cpu * (time.monotonic() - begin)
    bench.add(broker, Figure(LOAD, CACHE, "throughput", "MB/s", "higher"), before / took / 1e6)
    bench.add(
        broker,
        Figure(LOAD, CACHE, "broker CPU", "s per GB", "lower", ratio=0.5),
        used / (before / 1e9),
    )
    bench.add(
        broker, Figure(LOAD, CACHE, "log left", "%"), 100 * (log_bytes(broker) - others) / before
    )
    name = filled(bench, broker, "compacted-beside")
    with concurrent.futures.ThreadPoolExecutor() as pool:
        cleaning = pool.submit(compact, broker, name)
        beside = rate(bench, broker)
        cleaning.result()
    bench.add(broker, Figure("1,000/s of 1 KiB alone", CACHE, "ack p99", "ms", "lower"), quiet)
    title = "1,000/s of 1 KiB beside a compaction"
    bench.add(broker, Figure(title, CACHE, "ack p99", "ms", "lower"), beside)


def filled(bench, broker, kind):
    count = bench.scale(2 * (1 << 20))
    name = bench.topic(broker, kind, KEPT)
    bench.load(
        broker,
        "produce",
        topic=name,
        partitions=PARTITIONS,
        size=KIB,
        count=count,
        keys=bench.scale(KEYS),
        acks=1,
    )
    return name


def rate(bench, broker):
    """p99 of the acknowledgements at a fixed rate, in ms."""
    name = f"rate-{time.monotonic_ns()}"
    broker.create(name, PARTITIONS)
    result = bench.at_rate(broker, name, KIB, 1000, 2 if bench.quick else 5)
    return result["ack_us"]["p99"] / 1e3


def log_bytes(broker):
    """Bytes of the segments of all topics: Felice names folders by ID."""
    return machine.log_bytes(broker.home / "data")


def compact(broker, name):
    """Seconds from the change of the configuration to the last time the log got smaller. That it
    grows means nothing: Kafka's metadata log always does."""
    size = log_bytes(broker)
    with wire.Connection(broker.port) as connection:
        connection.alter_topic(name, COMPACTED)
    begin = shrunk = time.monotonic()
    while shrunk == begin or time.monotonic() - shrunk < QUIET_SECONDS:
        if time.monotonic() - begin > LIMIT_SECONDS:
            raise wire.Refused(f"{broker.name} did not finish compacting in {LIMIT_SECONDS} s")
        time.sleep(0.05)
        now = log_bytes(broker)
        if now < size:
            shrunk = time.monotonic()
        size = now
    return shrunk - begin
