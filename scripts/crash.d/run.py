"""The run: cycles of load, kill -9, damage on disk and restart, with quick checks after each
restart and the whole comparison at the end. It decides the plan; check.py judges."""

import contextlib
import json
import pathlib
import random
import signal
import subprocess
import sys
import time

from confluent_kafka import Consumer, Producer, TopicPartition

import broker as broker_module
import check
import rows
import wire
from broker import Broker, Failure

READY_S_MAX = 2.0
PROGRESS_S_MAX = 30
# What a cycle does while the broker is down; every seven cycles each comes twice or more.
DECK = [
    {"garbage"},
    {"rocksdb"},
    {"garbage", "rocksdb"},
    {"truncate"},
    {"truncate", "garbage"},
    {"restart-killed"},
    {"restart-killed", "garbage", "rocksdb"},
    set(),
    set(),
]
# What the broker logs when it had to read or to cut a log; `verify_stop` wants to have seen both.
RECOVERED, CUT = "read what no checkpoint covered", "which is cut off"


class Worker:
    """One process of worker.py and the rows it takes down."""

    def __init__(self, run, task, who, form, extra):
        self.name = f"{task}-{who}"
        self.rows = rows.Follower(run.work / f"{self.name}.rows", form)
        self.log = run.work / f"{self.name}.log"
        script = pathlib.Path(__file__).with_name("worker.py")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-B", script, task, str(who), str(run.broker.port)]
                + [self.rows.path, str(extra)],
                stdout=log,
                stderr=log,
            )

    def check_alive(self):
        if self.process.poll() is not None:
            raise Failure(f"{self.name} ended with {self.process.returncode}: {self.tail()}")

    def tail(self):
        return self.log.read_text(errors="replace")[-1500:].strip()

    def signal(self, number):
        if self.process.poll() is None:
            self.process.send_signal(number)

    def finish(self, wait_s_max=90):
        """Waits for the end after SIGTERM; the worker's last line."""
        try:
            status = self.process.wait(wait_s_max)
        except subprocess.TimeoutExpired:
            raise Failure(f"{self.name} did not end within {wait_s_max} s") from None
        if status != 0:
            raise Failure(f"{self.name} ended with {status}: {self.tail()}")
        return json.loads(self.tail().splitlines()[-1])


class Scratch:
    """A topic written with acks=0, of which nothing was promised: its tail may be truncated, and
    then exactly the last batch must be gone."""

    def __init__(self, run):
        self.run, self.values, self.written = run, [], 0
        self.cut = False

    def write(self):
        """Three records, each a batch of its own."""
        config = {"bootstrap.servers": f"127.0.0.1:{self.run.broker.port}", "acks": 0}
        client = Producer({**config, "broker.address.family": "v4", "linger.ms": 0})
        for _ in range(3):
            data = f"scratch {self.written} ".encode() + b"-" * (self.written % 90)
            client.produce(rows.SCRATCH_TOPIC, data, partition=0)
            client.flush(10)
            self.values.append(data)
            self.written += 1
        self.run.until("the scratch topic grew", lambda: self.end() == len(self.values), 10)

    def end(self):
        with wire.Connection(self.run.broker.port) as connection:
            return connection.offsets(rows.SCRATCH_TOPIC, 1, wire.LATEST)[0]

    def truncate(self):
        segments = broker_module.segment_files(self.run.folder(rows.SCRATCH_TOPIC) / "0")
        kept = broker_module.cut_last_batch(segments[-1], self.run.chance)
        del self.values[kept:]

    def verify_end(self):
        if (end := self.end()) != len(self.values):
            raise Failure(f"{rows.SCRATCH_TOPIC} ends at {end}, not at {len(self.values)}")


class Run:
    """One broker with its load over all cycles."""

    def __init__(self, options, work):
        self.options, self.work = options, work
        self.chance = random.Random(options.seed)
        self.broker = Broker(options.binary, work, self.chance)
        self.scratch = Scratch(self)
        self.producers, self.members, self.topics = {}, {}, None
        self.producer_ids = set()
        self.folders = {}
        self.ready_s = []
        self.seen_end = dict.fromkeys(range(rows.PARTITIONS), 0)
        self.acked_end = dict.fromkeys(range(rows.PARTITIONS), 0)
        self.commits = {}
        self.tails = 0

    def workers(self):
        topics = [self.topics] if self.topics else []
        return [*self.producers.values(), *self.members.values(), *topics]

    def until(self, what, holds, wait_s_max=PROGRESS_S_MAX):
        """Waits until it holds, while all workers live."""
        give_up = time.monotonic() + wait_s_max
        while not holds():
            for worker in self.workers():
                worker.check_alive()
            if time.monotonic() > give_up:
                raise Failure(f"not within {wait_s_max} s: {what}")
            time.sleep(0.02)

    # ---- begin

    def begin(self):
        self.ready_s.append(self.broker.start())
        configs = {"segment.bytes": str(2 << 20)}
        self.create_topic(rows.TOPIC, rows.PARTITIONS, configs)
        self.create_topic(rows.SCRATCH_TOPIC, 1, {})
        for producer in rows.PRODUCERS:
            self.producers[producer] = Worker(
                self, "produce", producer, rows.ACKED, self.options.rate
            )
        strategy = self.chance.choice(["range", "cooperative-sticky"])
        for member in ("a", "b"):
            self.members[member] = Worker(self, "consume", member, rows.CONSUMED, strategy)

        self.topics = Worker(self, "topics", "admin", rows.TOPICS, 20)

    def create_topic(self, name, partitions, configs):
        with wire.Connection(self.broker.port) as connection:
            connection.create_topic(name, partitions, configs)

    def folder(self, topic):
        """A topic's folder. It is named by the topic's ID, so its records tell which one it is."""
        mark = b"scratch " if topic == rows.SCRATCH_TOPIC else rows.value(rows.LEADER, 0, 0)[:11]
        if topic not in self.folders:
            for folder in self.broker.topic_folders():
                for segment in broker_module.segment_files(folder / "0")[:1]:
                    if mark in segment.read_bytes()[: 1 << 20]:
                        self.folders[topic] = folder
        return self.folders[topic]

    # ---- one cycle

    def cycle(self, number):
        """Load, kill, damage, restart, checks."""
        plan = self.plan(number)
        self.wait_for_load()
        if "truncate" in plan:
            self.scratch.write()
        time.sleep(self.chance.uniform(0.1, 2 * self.options.seconds_per_cycle - 0.1))
        self.broker.kill()
        if "pause" in plan:
            self.signal_all(signal.SIGSTOP)
        notes = self.damage(plan)
        took_s = self.restart(plan)
        self.verify_quickly()
        self.signal_all(signal.SIGCONT)
        acked = sum(len(worker.rows.rows) for worker in self.producers.values())
        notes = "; ".join(notes) or "nothing damaged"
        say(f"cycle {number + 1}: ready in {took_s * 1e3:.0f} ms, {acked} acknowledged; {notes}")
        if took_s > READY_S_MAX:
            raise Failure(f"ready only {took_s:.2f} s after its start")

    def plan(self, number):
        if number % len(DECK) == 0:
            self.deck = self.chance.sample(DECK, len(DECK))
        plan = set(self.deck[number % len(DECK)])
        if self.chance.random() < 0.5:
            plan.add("pause")
        return plan

    def wait_for_load(self):
        """Every producer gets acknowledgements and every partition gets commits again."""
        for worker in self.producers.values():
            self.follow()
            before = len(worker.rows.rows)
            self.until(
                f"{worker.name} gets acknowledgements",
                lambda: self.follow() or len(worker.rows.rows) > before,
            )
        commits, changes = dict(self.commits), len(self.topics.rows.rows)
        self.until(
            f"a commit in every partition after {commits}",
            lambda: self.follow()
            or all(self.commits.get(p, 0) > commits.get(p, 0) for p in range(rows.PARTITIONS)),
        )
        self.until(
            "topics are created and deleted",
            lambda: self.follow() or len(self.topics.rows.rows) > changes,
        )

    def follow(self):
        """Takes in what the workers have noted since the last time."""
        for worker in self.producers.values():
            for partition, offset, _ in worker.rows.news():
                self.acked_end[partition] = max(self.acked_end[partition], offset + 1)
        self.topics.rows.news()
        for worker in self.members.values():
            for kind, partition, offset, _ in worker.rows.news():
                if kind == rows.SEEN:
                    self.seen_end[partition] = max(self.seen_end[partition], offset + 1)
                else:
                    self.commits[partition] = max(self.commits.get(partition, 0), offset)

    def signal_all(self, number):
        for worker in self.workers():
            worker.signal(number)

    def damage(self, plan):
        notes = []
        if self.options.lose:
            last = broker_module.segment_files(self.folder(rows.TOPIC) / "0")[-1]
            broker_module.cut_half(last)
            notes.append(f"half of partition 0's {last.name} cut off")
        if "truncate" in plan:
            self.scratch.truncate()
            notes.append("scratch topic truncated")
        if "garbage" in plan:
            segments = self.broker.last_segments()
            # The first is the metadata log, which gets more than its share.
            target = self.chance.choice([segments[0], *self.chance.sample(segments, 2)])
            self.tails += 1
            notes.append("torn tail: " + broker_module.torn_tail(target, self.chance))
        if "rocksdb" in plan:
            self.broker.remove_rocksdb()
            notes.append("rocksdb removed")
        if "restart-killed" in plan:
            notes.append("killed while starting")
        if "pause" in plan:
            notes.append("clients paused")
        return notes

    def restart(self, plan):
        if "restart-killed" in plan:
            self.broker.launch()
            time.sleep(self.chance.uniform(0, 0.06))
            self.broker.kill()
        took_s = self.broker.start()
        self.ready_s.append(took_s)
        return took_s

    def verify_quickly(self):
        """What was acknowledged before can be asked for now; rows first, then the broker."""
        self.follow()
        reached = {"acknowledged": dict(self.acked_end), "seen by a consumer": dict(self.seen_end)}
        commits = dict(self.commits)
        faults = check.Faults()
        with wire.Connection(self.broker.port) as connection:
            ends = connection.offsets(rows.TOPIC, rows.PARTITIONS, wire.LATEST)
            check.check_watermarks(faults, reached, ends)
            stored = connection.committed(rows.GROUP, rows.TOPIC, rows.PARTITIONS)
            check.check_commits(faults, commits, stored)
            check.check_producer_id(faults, self.producer_ids, connection.producer_id())
            self.verify_topics(faults, connection)
        self.scratch.verify_end()
        raise_faults(faults)

    def verify_topics(self, faults, connection):
        """The worker that changes topics stands still meanwhile."""
        self.topics.signal(signal.SIGSTOP)
        time.sleep(0.02)
        names = connection.metadata()
        self.topics.rows.news()
        check.check_topics(faults, self.topics.rows.rows, set(names))

    # ---- the end

    def finish(self):
        """Lets the load drain, compares everything, stops and starts once more."""
        self.wait_for_load()
        for worker in self.producers.values():
            worker.signal(signal.SIGTERM)
        results = {producer: worker.finish() for producer, worker in self.producers.items()}
        with wire.Connection(self.broker.port) as connection:
            starts = connection.offsets(rows.TOPIC, rows.PARTITIONS, wire.EARLIEST)
            ends = connection.offsets(rows.TOPIC, rows.PARTITIONS, wire.LATEST)
        give_up = time.monotonic() + PROGRESS_S_MAX
        while not self.caught_up(ends):
            if time.monotonic() > give_up:
                raise Failure(f"the group has committed {self.commits}, the log ends at {ends}")
            time.sleep(0.02)
        self.signal_all(signal.SIGTERM)
        for worker in [*self.members.values(), self.topics]:
            worker.finish()
        self.follow()
        logs = self.read_logs(rows.TOPIC, ends)
        self.report_load(results, logs)
        self.verify_all(results, logs, {p: (starts[p], ends[p]) for p in ends})
        self.verify_stop(ends)

    def caught_up(self, ends):
        self.follow()
        return all(self.commits.get(partition, 0) == end for partition, end in ends.items())

    def read_logs(self, topic, ends):
        """Everything the broker has of a topic."""
        config = {"bootstrap.servers": f"127.0.0.1:{self.broker.port}", "group.id": "crash-reader"}
        config |= {"broker.address.family": "v4", "enable.auto.commit": False}
        client = Consumer({**config, "auto.offset.reset": "error", "check.crcs": True})
        client.assign([TopicPartition(topic, p, 0) for p, end in ends.items() if end > 0])
        logs = {partition: [] for partition in ends}
        left = {partition for partition, end in ends.items() if end > 0}
        give_up = time.monotonic() + 60
        while left:
            if time.monotonic() > give_up:
                raise Failure(f"partitions {left} of {topic} cannot be read to the end {ends}")
            for message in client.consume(10000, timeout=0.5):
                if message.error():
                    raise Failure(f"{topic} cannot be read: {message.error()}")
                partition, data = message.partition(), message.value()
                logs[partition].append((message.offset(), data))
                if message.offset() + 1 >= ends[partition]:
                    left.discard(partition)
        client.close()
        return logs

    def report_load(self, results, logs):
        there = {producer: 0 for producer in rows.PRODUCERS}
        for partition, log in logs.items():
            logs[partition] = [identify(partition, *entry) for entry in log]
            for entry in logs[partition]:
                there[entry[1]] = there.get(entry[1], 0) + 1
        for producer, name in rows.PRODUCERS.items():
            acked = len(self.producers[producer].rows.rows)
            say(
                f"{name}: {sum(results[producer]['sent'])} records sent, {acked} acknowledged, "
                f"{there[producer]} in the log, {results[producer]['failed']} failed"
            )
        kinds = [row[0] for worker in self.members.values() for row in worker.rows.rows]
        seen, commits = kinds.count(rows.SEEN), kinds.count(rows.COMMITTED)
        say(f"group: {seen} deliveries, {commits} offsets committed")
        changes = sum(row[0] != rows.DELETING for row in self.topics.rows.rows)
        say(f"topics: {changes} created and deleted; {len(self.producer_ids)} producer IDs")

    def verify_all(self, results, logs, bounds):
        faults = check.Faults()
        acked = {producer: worker.rows.rows for producer, worker in self.producers.items()}
        consumed = {member: worker.rows.rows for member, worker in self.members.items()}
        sent = results[rows.IDEMPOTENT]["sent"]
        if len(acked[rows.IDEMPOTENT]) != sum(sent):
            faults.add("lost", f"{sum(sent)} records sent, {len(acked[rows.IDEMPOTENT])} acked")
        check.check_all(faults, logs, bounds, acked, consumed, sent)
        raise_faults(faults)
        count = len(self.scratch.values)
        found = self.read_logs(rows.SCRATCH_TOPIC, {0: count})[0]
        if found != list(enumerate(self.scratch.values)):
            raise Failure(f"{rows.SCRATCH_TOPIC} is not what was left of it: {found[-5:]}")

    def verify_stop(self, ends):
        """A clean stop, files without a gap, and a start that has nothing to read again."""
        log = self.broker.log_since(0)
        if RECOVERED not in log or (self.tails and CUT not in log):
            raise Failure(f"no restart logged {RECOVERED!r} or {CUT!r}: what follows is blind")
        stopped_s = self.broker.stop()
        for topic in self.broker.topic_folders():
            for folder in topic.iterdir():
                broker_module.walk(folder)
        mark = self.broker.log_size()
        started_s = self.broker.start()
        log = self.broker.log_since(mark)
        if RECOVERED in log or CUT in log:
            raise Failure(f"a start after a clean stop reads logs again:\n{log}")
        self.verify_quickly()
        with wire.Connection(self.broker.port) as connection:
            again = connection.offsets(rows.TOPIC, rows.PARTITIONS, wire.LATEST)
        if again != ends:
            raise Failure(f"high watermarks {again} after a clean restart, {ends} before")
        self.broker.stop()
        say(f"SIGTERM to exit {stopped_s * 1e3:.0f} ms, clean start {started_s * 1e3:.0f} ms")

    def close(self):
        for worker in self.workers():
            worker.signal(signal.SIGKILL)
        self.broker.close()


def identify(partition, offset, data):
    """A row of a log as check.py wants it."""
    name = rows.name_of(data or b"")
    if name is None:
        return (offset, 0, -1, 0, False)
    producer, named_partition, sequence = name
    intact = named_partition == partition and data == rows.value(producer, partition, sequence)
    return (offset, producer, sequence, rows.checksum(data), intact)


def say(text):
    print(f"crash: {text}", flush=True)


def raise_faults(faults):
    if faults:
        raise Failure("\n".join(faults.lines()))


def main(options, work):
    """All cycles; the number of those that passed, and whether the end was good, too."""
    run = Run(options, work)
    passed, good = 0, False
    begin = time.monotonic()
    with contextlib.closing(run):
        try:
            run.begin()
            for number in range(options.cycles):
                run.cycle(number)
                passed += 1
            run.finish()
            good = True
        except (Failure, wire.Refused, OSError) as failure:
            where = f"cycle {passed + 1}" if passed < options.cycles else "the final comparison"
            say(f"FAILED in {where}, seed {options.seed}:")
            print("    " + str(failure).replace("\n", "\n    "))
            show_logs(run)
    slowest_ms = max(run.ready_s, default=0) * 1e3
    say(f"slowest start {slowest_ms:.0f} ms, {time.monotonic() - begin:.0f} s in all")
    return passed, good


def show_logs(run):
    say("the end of the broker's log:")
    for line in run.broker.log_since(0).splitlines()[-20:]:
        print("    " + line[:300])
