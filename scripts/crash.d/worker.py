"""The load: one process per producer and per member of the consumer group, which take down what the
broker acknowledged. They judge nothing, except that an idempotent producer must never fail.

usage: worker.py produce PRODUCER PORT ROWS_FILE PER_SECOND
       worker.py consume MEMBER PORT ROWS_FILE STRATEGY
       worker.py topics NAME PORT ROWS_FILE PER_SECOND

SIGTERM makes a producer flush and end, a consumer leave the group and end, the others just end.
"""

import json
import os
import signal
import sys
import time

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

import rows
import wire

FLUSH_S_MAX = 60
COMMON = {
    "broker.address.family": "v4",
    "reconnect.backoff.ms": 20,
    "reconnect.backoff.max.ms": 200,
    "log_level": 2,
}
PRODUCER_CONFIG = {
    rows.IDEMPOTENT: {
        "enable.idempotence": True,
        # Whatever could leave a hole in the sequence ends the producer instead.
        "enable.gapless.guarantee": True,
        "message.timeout.ms": 600000,
        "compression.type": "lz4",
    },
    # The client library may still send again what it thinks never left: only loss is looked for.
    rows.ALL: {"acks": "all", "retries": 0, "compression.type": "zstd"},
    rows.LEADER: {"acks": 1},
}


class Life:
    """Whether to go on. The parent's death ends a worker, too."""

    def __init__(self):
        self.ending = False
        self.parent = os.getppid()
        signal.signal(signal.SIGTERM, self.end)
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    def end(self, *_):
        self.ending = True

    def goes_on(self):
        if os.getppid() != self.parent:
            os._exit(1)
        return not self.ending


class Load:
    """A producer that numbers its records per partition and notes the acknowledged ones."""

    def __init__(self, producer, port, path):
        self.producer = producer
        self.out = rows.Writer(path, rows.ACKED)
        self.sent = [0] * rows.PARTITIONS
        self.failed = 0
        # Several batches per drain, and several requests in flight when the broker is killed.
        config = {
            "bootstrap.servers": f"127.0.0.1:{port}",
            "linger.ms": 3,
            "batch.num.messages": 200,
            "retry.backoff.ms": 50,
            "sticky.partitioning.linger.ms": 0,
            "error_cb": self.error,
        }
        self.client = Producer({**COMMON, **config, **PRODUCER_CONFIG[producer]})

    def error(self, error):
        if error.fatal():
            self.give_up(f"fatal error: {error.name()}: {error.str()}")

    def give_up(self, text):
        self.out.flush()
        print(f"the {rows.PRODUCERS[self.producer]} producer failed, {text}", flush=True)
        os._exit(3)

    def delivered(self, error, message):
        name = rows.name_of(message.value())
        if error is None:
            self.out.add(message.partition(), message.offset(), name[2])
        else:
            self.failed += 1
            if self.producer == rows.IDEMPOTENT:
                where = f"partition {message.partition()} record {name[2]}"
                self.give_up(f"{where}: {error.name()}: {error.str()}")

    def send(self):
        """One record; to runs of 1 to 40 records a partition, so that batches vary."""
        total = sum(self.sent)
        partition = (total // (1 + (total >> 6) % 40)) % rows.PARTITIONS
        data = rows.value(self.producer, partition, self.sent[partition])
        self.client.produce(rows.TOPIC, data, partition=partition, on_delivery=self.delivered)
        self.sent[partition] += 1

    def run(self, life, per_second):
        step_s = 0.01
        burst = max(1, int(per_second * step_s))
        while life.goes_on():
            begin = time.monotonic()
            if len(self.client) < 20 * burst:
                for _ in range(burst):
                    self.send()
            self.client.poll(0)
            while (rest := step_s - (time.monotonic() - begin)) > 0:
                self.client.poll(rest)
            self.out.flush()
        left = self.client.flush(FLUSH_S_MAX)
        self.out.flush()
        if left:
            self.give_up(f"{left} records were not answered within {FLUSH_S_MAX} s")
        print(json.dumps({"sent": self.sent, "failed": self.failed}), flush=True)


class Member:
    """A member of the group that commits often, and notes what it saw and what was committed."""

    def __init__(self, port, path, strategy):
        self.out = rows.Writer(path, rows.CONSUMED)
        self.next_offset = {}
        self.refused = 0
        config = {
            "bootstrap.servers": f"127.0.0.1:{port}",
            "group.id": rows.GROUP,
            "partition.assignment.strategy": strategy,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "session.timeout.ms": 10000,
            "heartbeat.interval.ms": 500,
            "fetch.wait.max.ms": 100,
            "fetch.error.backoff.ms": 50,
        }
        self.client = Consumer({**COMMON, **config})
        gone = {"on_revoke": self.gone, "on_lost": self.gone}
        self.client.subscribe([rows.TOPIC], **gone)

    def gone(self, _, partitions):
        for partition in partitions:
            self.next_offset.pop(partition.partition, None)

    def commit(self):
        """Commits in the foreground; only what was acknowledged is noted."""
        wanted = [TopicPartition(rows.TOPIC, p, offset) for p, offset in self.next_offset.items()]
        if not wanted:
            return
        try:
            answer = self.client.commit(offsets=wanted, asynchronous=False)
        except KafkaException:
            self.refused += 1
            return
        for entry in answer:
            if entry.error is None:
                self.out.add(rows.COMMITTED, entry.partition, entry.offset, 0)

    def run(self, life):
        due = 0.0
        while life.goes_on():
            for message in self.client.consume(2000, timeout=0.05):
                if message.error():
                    continue
                partition, offset = message.partition(), message.offset()
                self.out.add(rows.SEEN, partition, offset, rows.checksum(message.value()))
                self.next_offset[partition] = offset + 1
            if time.monotonic() >= due:
                self.commit()
                due = time.monotonic() + 0.1
            self.out.flush()
        self.commit()
        self.out.flush()
        self.client.close()
        print(json.dumps({"refused": self.refused}), flush=True)


class Topics:
    """Creates and deletes topics. What the broker did not answer is left as it is, unknown."""

    def __init__(self, port, path):
        self.port, self.out = port, rows.Writer(path, rows.TOPICS)
        self.connection = None
        self.number = 0
        self.created = []

    def step(self):
        """Creates a topic and, if there are several, deletes the oldest."""
        if self.connection is None:
            self.connection = wire.Connection(self.port)
        number, self.number = self.number, self.number + 1
        self.connection.create_topic(rows.topic_name(number), 2, {})
        self.out.add(rows.CREATED, number)
        self.created.append(number)
        if len(self.created) > 3:
            oldest = self.created.pop(0)
            self.out.add(rows.DELETING, oldest)
            self.out.flush()
            self.connection.delete_topic(rows.topic_name(oldest))
            self.out.add(rows.DELETED, oldest)
        self.out.flush()

    def run(self, life, per_second):
        while life.goes_on():
            try:
                self.step()
            except OSError:
                self.connection = None
                self.out.flush()
            time.sleep(1 / per_second)
        print(json.dumps({"tried": self.number}), flush=True)


def main(task, who, port, path, extra):
    life = Life()
    if task == "produce":
        Load(int(who), port, path).run(life, int(extra))
    elif task == "topics":
        Topics(int(port), path).run(life, int(extra))
    else:
        Member(port, path, extra).run(life)


if __name__ == "__main__":
    main(*sys.argv[1:])
