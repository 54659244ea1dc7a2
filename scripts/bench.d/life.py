"""The rows about a broker's life: start, stop, idle cost, many partitions, restart."""

import time

import machine
import rows
import wire
from table import Figure

MIB = 1 << 20


def start_and_stop(table, make, names, starts):
    """Starts each broker several times on one data folder, taking turns, without a cgroup.

    `make` builds a broker by name. The first start, on an empty folder, is a figure of its own;
    Kafka's folder was formatted before, and that is not counted.
    """
    first = Figure(
        "start, empty data folder", "", "to first Metadata answer", "ms", "lower", most=25
    )
    again = Figure("start", "", "to first Metadata answer", "ms", "lower", most=25)
    stop = Figure("stop", "", "SIGTERM to exit", "ms", "lower")
    for figure in (first, again, stop):
        table.expect(figure)
    brokers = [make(name) for name in names]
    try:
        for turn in range(max(starts.values())):
            for broker in brokers:
                if turn >= starts[broker.name]:
                    continue
                figure = first if turn == 0 else again
                table.add(broker.name, figure, broker.start() * 1e3)
                # A broker is stopped once it has settled, not in the middle of its start.
                time.sleep(0.2)
                table.add(broker.name, stop, broker.stop() * 1e3)
    finally:
        for broker in brokers:
            broker.close()


def idle(table, brokers, settle, seconds, show):
    """Watches the brokers do nothing, all at once, and remembers each one's idle CPU."""
    time.sleep(settle)
    before = [broker.cpu() for broker in brokers]
    begin = time.monotonic()
    time.sleep(seconds)
    for broker, cpu in zip(brokers, before):
        broker.idle_cpu = (broker.cpu() - cpu) / (time.monotonic() - begin)
        if not show:
            continue
        pids = broker.pids()
        table.add(
            broker.name,
            Figure("idle", "", "memory (RSS)", "MiB", "lower", most=25),
            machine.rss_mib(pids),
        )
        # A tenth of a percent is one wake-up of 20 µs fifty times a second: nothing, measurably.
        table.add(
            broker.name,
            Figure("idle", "", "CPU", "% of a core", "lower", most=0.1),
            broker.idle_cpu * 100,
        )
        table.add(
            broker.name, Figure("idle", "", "threads", "count", "lower"), machine.threads(pids)
        )
        table.add(
            broker.name,
            Figure("idle", "", "open files", "count", "lower"),
            machine.open_files(pids),
        )


def many_partitions(table, broker, topics=100, partitions=10):
    """Creates a thousand partitions in one request, and tells what the broker weighs then."""
    names = [f"many-{number}" for number in range(topics)]
    begin = time.monotonic()
    with wire.Connection(broker.port, timeout=120) as connection:
        connection.create_topics([(name, partitions, {}) for name in names])
    table.add(
        broker.name,
        Figure("create 100 topics × 10 partitions", "", "time", "ms", "lower"),
        (time.monotonic() - begin) * 1e3,
    )
    wire.wait_for_topics(broker.port, [(names[-1], partitions)])
    time.sleep(1)
    pids = broker.pids()
    load = "after 1,000 more partitions"
    table.add(broker.name, Figure(load, "", "memory (RSS)", "MiB", "lower"), machine.rss_mib(pids))
    table.add(broker.name, Figure(load, "", "threads", "count", "lower"), machine.threads(pids))
    table.add(broker.name, Figure(load, "", "open files", "count"), machine.open_files(pids))


def produce_to_hundred(bench, broker):
    """MB/s into a topic of a hundred partitions."""
    result = bench.load(
        broker,
        "produce",
        topic="hundred",
        partitions=100,
        size=rows.KIB,
        count=bench.scale(500_000),
        acks=1,
    )
    return result["records"] * rows.KIB / result["seconds"] / 1e6


def start_with_partitions(bench, broker, partitions):
    """Creates many partitions, ten in each topic, and starts on them: after a clean stop, and
    after a kill -9."""
    load = f"{partitions:,} partitions"
    broker.start()
    broker.create("hundred", 100)
    produce_to_hundred(bench, broker)
    few = produce_to_hundred(bench, broker)
    alone = machine.rss_mib(broker.pids())
    for first in range(0, partitions, 1000):
        topics = min(1000, partitions - first) // 10
        names = [f"many-{first // 10 + number}" for number in range(topics)]
        with wire.Connection(broker.port, timeout=300) as connection:
            connection.create_topics([(name, 10, {}) for name in names])
    wire.wait_for_topics(broker.port, [(names[-1], 10)], 300)
    add = lambda figure, value: bench.add(broker, figure, value)  # noqa: E731
    each = (machine.rss_mib(broker.pids()) - alone) * 1024 / partitions
    add(Figure(load, "", "memory of each", "KiB", "lower", most=40), each)
    add(Figure(load, "", "open files", "count"), machine.open_files(broker.pids()))
    many = produce_to_hundred(bench, broker)
    add(Figure(load, rows.CACHE, "produce to 100 of them ÷ to 100 alone", "throughput"), many / few)
    broker.stop()
    seconds = broker.start()
    wire.wait_for_topics(broker.port, [(names[-1], 10)], 300)
    add(Figure(load, "", "start to first Metadata answer", "s", "lower", most=3), seconds)
    broker.kill()
    seconds = broker.start()
    wire.wait_for_topics(broker.port, [(names[-1], 10)], 300)
    add(Figure(load, "", "start after kill -9", "s", "lower"), seconds)


def memory_after_loads(table, broker):
    table.add(
        broker.name,
        Figure("after the loads", "", "memory (RSS)", "MiB", "lower"),
        machine.rss_mib(broker.pids()),
    )


def restart_after_kill(bench, broker):
    """Writes, kills with SIGKILL at once, starts again: until Metadata, and until the last
    acknowledged record of every partition comes back from a fetch."""
    count = bench.scale(1_100_000)
    name = bench.topic(broker, "crash")
    bench.load(
        broker,
        "produce",
        topic=name,
        partitions=rows.PARTITIONS,
        size=rows.KIB,
        count=count,
        acks=1,
    )
    broker.kill()
    size = machine.log_bytes(broker.home / "data") / 1e9
    begin = time.monotonic()
    metadata = broker.start()
    last = [
        count // rows.PARTITIONS + (p < count % rows.PARTITIONS) - 1 for p in range(rows.PARTITIONS)
    ]
    with wire.Connection(broker.port, timeout=60) as connection:
        for partition, offset in enumerate(last):
            # The last record's batch may be larger than this; one batch always comes whole.
            while True:
                error, length = connection.fetch(name, partition, offset)
                if error == 0 and length > 0:
                    break
                if error == 1 or time.monotonic() - begin > 180:
                    raise wire.Refused(
                        f"{broker.name} lost {name}-{partition} at {offset}: error {error}"
                    )
                time.sleep(0.005)
    fetched = time.monotonic() - begin
    load = "restart after kill -9"
    bench.add(broker, Figure(load, rows.CACHE, "to first Metadata answer", "s", "lower"), metadata)
    bench.add(
        broker, Figure(load, rows.CACHE, "to the last records fetched", "s", "lower"), fetched
    )
    bench.add(broker, Figure(load, rows.CACHE, "log on disk", "GB"), size)
