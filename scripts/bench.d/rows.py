"""The rows measured under load: produce, consume, one-record batches, latency.

Each row runs the same load against the broker it is given and adds its figures to the table. How
brokers take turns is decided by the caller.
"""

import json
import subprocess
import time

import machine
from table import Figure

CACHE, FSYNC = "page cache", "fsync before ack"
PARTITIONS = 4
KIB, SMALL = 1024, 100


class LoadFailed(Exception):
    """The load generator ended with an error, which would make its figures a lie."""


class Bench:
    """What a row needs: the load generator, the sizes of this run and the table."""

    def __init__(self, program, table, quick):
        self.program, self.table, self.quick, self.round = program, table, quick, 0
        self.rewarms = 0

    def scale(self, amount):
        """The amount of a whole run, or a tenth of it for --quick."""
        return max(1, amount // 10) if self.quick else amount

    def load(self, broker, mode, **options):
        """Runs one load. The result gains `cpu`, the broker's CPU seconds without what it uses
        when idle, and `disk_read`, the bytes it fetched from the disk meanwhile."""
        words = [f"{key.replace('__', '.')}={value}" for key, value in options.items()]
        read, cpu, begin = machine.disk_read(broker.pids()), broker.cpu(), time.monotonic()
        done = subprocess.run(
            [self.program, mode, f"broker=127.0.0.1:{broker.port}", *words],
            capture_output=True,
            text=True,
            timeout=600,
        )
        wall = time.monotonic() - begin
        used = broker.cpu() - cpu
        if done.returncode != 0 or not done.stdout.strip():
            raise LoadFailed(
                f"{broker.name}: {mode} {' '.join(words)}: {done.stderr.strip()[-600:]}"
            )
        result = json.loads(done.stdout)
        result["cpu"] = max(0.0, used - broker.idle_cpu * wall)
        result["cpu_share"] = used / wall
        result["disk_read"] = machine.disk_read(broker.pids()) - read
        return result

    def topic(self, broker, kind, configs=None):
        """Creates this round's topic of a kind. It stays until the end: deleting it would hand its
        memory back to the hypervisor, and the next writes would pay for getting it again."""
        name = f"{kind}-{self.round}"
        broker.create(name, PARTITIONS, configs)
        broker.topics.add(name)
        return name

    def filled(self, broker, size):
        """The topic of this round with records of `size` bytes, produced now if no row did."""
        kind, count = (
            ("kib", self.scale(1_000_000)) if size == KIB else ("small", self.scale(5_000_000))
        )
        if f"{kind}-{self.round}" not in broker.topics:
            self.produce_into(broker, kind, size, count)
        return f"{kind}-{self.round}", count

    def produce_into(self, broker, kind, size, count, acks=1, configs=None, tail=0):
        name = self.topic(broker, kind, configs)
        return self.load(
            broker,
            "produce",
            topic=name,
            partitions=PARTITIONS,
            size=size,
            count=count,
            acks=acks,
            tail=tail,
        )

    def at_rate(self, broker, topic, size, rate, seconds, acks=1, tail=0):
        """Records at a fixed rate, timed from the moment each was due; no lingering in the
        client."""
        return self.load(
            broker,
            "produce",
            topic=topic,
            partitions=PARTITIONS,
            size=size,
            rate=rate,
            seconds=seconds,
            acks=acks,
            tail=tail,
            conf__linger__ms=0,
        )

    def rewarm(self, broker):
        """Writes unmeasured right before a measured produce: during the other broker's turn the
        hypervisor has taken free memory back, and the first gigabyte pays for getting it."""
        self.rewarms += 1
        name = f"rewarm-{self.rewarms}"
        broker.create(name, PARTITIONS)
        count = self.scale(1_500_000)
        self.load(
            broker, "produce", topic=name, partitions=PARTITIONS, size=KIB, count=count, acks=1
        )

    def add(self, broker, figure, value):
        self.table.add(broker.name, figure, value)

    def add_flow(self, broker, load, durability, size, result, bar=None):
        """Throughput and CPU of a load: per GB for 1 KiB records, per million for small ones."""
        seconds, records = result["seconds"], result["records"]
        if size == KIB:
            rate, flow = "MB/s", records * size / 1e6
            cost, amount = "s per GB", records * size / 1e9
        else:
            rate, flow = "thousand records/s", records / 1e3
            cost, amount = "s per million", records / 1e6
        self.add(broker, Figure(load, durability, "throughput", rate, "higher"), flow / seconds)
        self.add(
            broker,
            Figure(load, durability, "broker CPU", cost, "lower", bar),
            result["cpu"] / amount,
        )

    def add_singles(self, broker, load, durability, words, result, times=None, ratio=None):
        """Throughput and CPU of records that travel alone; `words` are what the figures call one
        of them and many."""
        one, many = words
        self.add(
            broker,
            Figure(load, durability, "throughput", f"thousand {many}/s", "higher", times=times),
            result["records"] / result["seconds"] / 1e3,
        )
        self.add(
            broker,
            Figure(load, durability, "broker CPU", f"µs per {one}", "lower", ratio),
            result["cpu"] / result["records"] * 1e6,
        )

    def add_quantiles(self, broker, load, durability, result, key, what):
        for quantile in ("p50", "p99"):
            self.add(
                broker,
                Figure(load, durability, f"{what} {quantile}", "ms", "lower"),
                result[key][quantile] / 1e3,
            )

    def warm(self, broker):
        """Writes three times the memory limit, so that later writes take pages from the broker's
        own cgroup and not from the hypervisor, and lets a JIT compile every kind of request."""
        size = broker.memory_limit if not self.quick else 256 << 20
        count = size * 3 // KIB
        self.produce_into(broker, "warm", KIB, count)
        self.load(
            broker, "consume", topic=f"warm-{self.round}", partitions=PARTITIONS, count=count // 8
        )
        self.load(
            broker,
            "single",
            topic=self.topic(broker, "warm-single"),
            partitions=PARTITIONS,
            size=SMALL,
            seconds=1 if self.quick else 3,
            connections=10,
            depth=5,
            acks=1,
        )
        topic = f"warm-single-{self.round}"
        self.at_rate(broker, topic, SMALL, 1000, 1 if self.quick else 5)


def produce_kib(bench, broker):
    bench.rewarm(broker)
    result = bench.produce_into(broker, "kib", KIB, bench.scale(1_000_000))
    bench.add_flow(broker, "produce 1 KiB", CACHE, KIB, result, 0.25)


def produce_small(bench, broker):
    bench.rewarm(broker)
    result = bench.produce_into(broker, "small", SMALL, bench.scale(5_000_000))
    bench.add_flow(broker, "produce 100 B", CACHE, SMALL, result, 0.4)


def note_disk(bench, broker, load, result):
    """A catch-up read that went to the disk is another figure than one from the page cache."""
    if result["disk_read"] > 0.05 * result["bytes"]:
        bench.table.remark(
            f"{load}: {broker.name} read {result['disk_read'] / 1e6:.0f} MB from disk "
            f"in round {bench.round}."
        )


def consume(size, title):
    def row(bench, broker):
        topic, count = bench.filled(broker, size)
        result = bench.load(broker, "consume", topic=topic, partitions=PARTITIONS, count=count)
        note_disk(bench, broker, title, result)
        bench.add_flow(broker, title, CACHE, size, result, 0.2)

    return row


def fetch(size, title):
    """The same read by a bare fetch loop of 1 MiB replies, where no client is the limit."""

    def row(bench, broker):
        topic, count = bench.filled(broker, size)
        result = bench.load(broker, "fetch", topic=topic, partitions=PARTITIONS, count=count)
        note_disk(bench, broker, title, result)
        bench.add_flow(broker, title, CACHE, size, result, 0.2)

    return row


def tail(size, kind, count, title):
    """A producer at full speed and a consumer at the log's end in one client process."""

    def row(bench, broker):
        bench.rewarm(broker)
        result = bench.produce_into(broker, kind, size, bench.scale(count), tail=1)
        bench.add_flow(broker, title, CACHE, size, result)

    return row


def one_record(bench, broker, kind, durability, title, words, connections, depth, bars):
    """One-record batches over connections with `depth` requests open on each; `words` are what the
    figures call one and many, `bars` those of throughput and CPU."""
    fsync = durability == FSYNC
    topic = bench.topic(broker, kind, broker.fsync_topic() if fsync else None)
    result = bench.load(
        broker,
        "single",
        topic=topic,
        partitions=PARTITIONS,
        size=SMALL,
        seconds=1 if bench.quick else 5,
        connections=connections,
        depth=depth,
        acks=-1 if fsync else 1,
    )
    times, ratio = bars
    bench.add_singles(broker, title, durability, words, result, times, ratio)
    bench.add_quantiles(broker, title, durability, result, "ack_us", "ack")


def single(durability, title, bar):
    """One-record batches, ten connections with five requests open on each."""

    def row(bench, broker):
        kind = "single-" + durability.split()[0]
        one_record(bench, broker, kind, durability, title, ("batch", "batches"), 10, 5, (None, bar))

    return row


def clients(count, times):
    """Clients that each wait for the disk before they send their next record."""
    title = f"{count} client{'s' if count > 1 else ''}, one record at a time"

    def row(bench, broker):
        words = ("record", "records")
        one_record(bench, broker, f"clients-{count}", FSYNC, title, words, count, 1, (times, None))

    return row


def single_client(bench, broker):
    """One-record batches as one librdkafka producer sends them: one connection, a thousand
    records on their way at most."""
    title = "one-record batches, librdkafka"
    topic = bench.topic(broker, "single-client")
    result = bench.load(
        broker,
        "produce",
        topic=topic,
        partitions=PARTITIONS,
        size=SMALL,
        seconds=1 if bench.quick else 4,
        acks=1,
        conf__linger__ms=0,
        conf__batch__num__messages=1,
        conf__queue__buffering__max__messages=1000,
    )
    bench.add_singles(broker, title, CACHE, ("batch", "batches"), result, ratio=0.1)


def latency(rate, size, seconds, durability, title):
    """What producers and a consumer at the log's end feel at a fixed rate."""

    def row(bench, broker):
        fsync = durability == FSYNC
        topic = bench.topic(broker, f"rate-{rate}", broker.fsync_topic() if fsync else None)
        duration, acks = 2 if bench.quick else seconds, -1 if fsync else 1
        result = bench.at_rate(broker, topic, size, rate, duration, acks, tail=1)
        reached = result["records"] / result["seconds"]
        if reached < 0.95 * rate:
            bench.table.remark(
                f"{title}, {durability}: {broker.name} kept up with {reached:,.0f}/s only "
                f"in round {bench.round}, so its latency is that of a growing queue."
            )
        bench.add_quantiles(broker, title, durability, result, "ack_us", "ack")
        bench.add_quantiles(broker, title, durability, result, "tail_us", "tail consume")
        bench.add(
            broker,
            Figure(title, durability, "broker CPU", "% of a core", "lower"),
            result["cpu_share"] * 100,
        )

    return row


def produce_fsync(bench, broker):
    bench.rewarm(broker)
    result = bench.produce_into(
        broker, "fsync", KIB, bench.scale(300_000), acks=-1, configs=broker.fsync_topic()
    )
    bench.add_flow(broker, "produce 1 KiB", FSYNC, KIB, result)


# Key on the command line, what acks=all means while it runs, the row. Rows that read what an
# earlier one wrote follow it closely, while it is still in the page cache.
ROWS = [
    ("produce-1k", CACHE, produce_kib),
    ("consume-1k", CACHE, consume(KIB, "catch-up consume 1 KiB")),
    ("fetch-1k", CACHE, fetch(KIB, "catch-up 1 KiB, bare fetches")),
    ("produce-100b", CACHE, produce_small),
    ("consume-100b", CACHE, consume(SMALL, "catch-up consume 100 B")),
    ("fetch-100b", CACHE, fetch(SMALL, "catch-up 100 B, bare fetches")),
    ("tail-1k", CACHE, tail(KIB, "tail-kib", 500_000, "produce and tail consume 1 KiB")),
    ("tail-100b", CACHE, tail(SMALL, "tail-small", 3_000_000, "produce and tail consume 100 B")),
    ("single", CACHE, single(CACHE, "one-record batches, pipelined", 0.1)),
    ("single-client", CACHE, single_client),
    ("latency-1k", CACHE, latency(1_000, KIB, 5, CACHE, "1,000/s of 1 KiB")),
    ("latency-50k", CACHE, latency(50_000, SMALL, 5, CACHE, "50,000/s of 100 B")),
    ("fsync-produce-1k", "fsync", produce_fsync),
    ("fsync-single", "fsync", single(FSYNC, "one-record batches, pipelined", None)),
    ("fsync-1", "fsync", clients(1, None)),
    ("fsync-10", "fsync", clients(10, None)),
    ("fsync-50", "fsync", clients(50, 3)),
    ("fsync-latency", "fsync", latency(100, KIB, 8, FSYNC, "100/s of 1 KiB")),
]
