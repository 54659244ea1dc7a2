"""The rows of a broker's first minute: the same loads as in the table of warm brokers, on one that
was started just before and has run nothing else. A broker in CI lives like that.

The memory is warm, the broker is not: before the start a helper process fills the broker's cgroup
with page cache, so that no figure pays the hypervisor for fresh pages.
"""

import subprocess

import rows
from rows import CACHE, KIB, SMALL

PREFIX = "first minute: "


def fill_memory(broker):
    """Fills the cgroup of a broker that does not run yet with pages of a file."""
    if broker.group is None:
        return
    path = broker.home / "warm"
    words = ["dd", "if=/dev/zero", f"of={path}", "bs=1M", f"count={broker.memory_limit * 5 // 4 >> 20}"]
    subprocess.run(broker.group.enter() + words, check=True, capture_output=True)


def first_minute(bench, broker):
    """Everything measured on one new broker, in one order for both kinds."""
    broker.limit()
    fill_memory(broker)
    broker.start()
    produced = bench.produce_into(broker, "kib", KIB, bench.scale(1_000_000))
    bench.add_flow(broker, PREFIX + "produce 1 KiB", CACHE, KIB, produced, 0.25)
    rows.consume(KIB, PREFIX + "catch-up consume 1 KiB")(bench, broker)
    produced = bench.produce_into(broker, "small", SMALL, bench.scale(5_000_000))
    bench.add_flow(broker, PREFIX + "produce 100 B", CACHE, SMALL, produced, 0.4)
    rows.consume(SMALL, PREFIX + "catch-up consume 100 B")(bench, broker)
    rows.single(CACHE, PREFIX + "one-record batches, pipelined", 0.1)(bench, broker)
