"""confluent-kafka (librdkafka) in the scenario of scenario.py, with cooperative members.

kcat, of the same library, has eager ones."""

from confluent_kafka import Consumer, Producer, TopicPartition, TIMESTAMP_CREATE_TIME
from confluent_kafka.admin import AdminClient, NewTopic

import scenario


def got(message):
    if message.error():
        raise scenario.Violation(f"consume: {message.error()}")
    kind, timestamp = message.timestamp()
    return scenario.Got(
        message.partition(),
        message.offset(),
        message.key(),
        message.value(),
        message.headers() or [],
        timestamp if kind == TIMESTAMP_CREATE_TIME else None,
    )


class Member:
    def __init__(self, bootstrap, group, topic):
        self.topic = topic
        self.consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": group,
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "heartbeat.interval.ms": 500,
                "partition.assignment.strategy": "cooperative-sticky",
            }
        )
        self.consumer.subscribe([topic])

    def assignment(self):
        return {p.partition for p in self.consumer.assignment()}

    def poll(self):
        return [got(m) for m in self.consumer.consume(100, 0.1)]

    def commit(self, offsets):
        offsets = [TopicPartition(self.topic, p, o) for p, o in offsets.items()]
        for result in self.consumer.commit(offsets=offsets, asynchronous=False):
            scenario.check(
                result.error is None, f"committed {result.offset} for partition {result.partition}"
            )

    def close(self):
        self.consumer.close()


class Client:
    codecs = ["none", "gzip", "snappy", "lz4", "zstd"]

    def __init__(self, bootstrap):
        self.bootstrap = bootstrap
        self.admin = AdminClient({"bootstrap.servers": bootstrap})

    def create_topic(self, topic, partitions):
        for future in self.admin.create_topics([NewTopic(topic, partitions, 1)]).values():
            future.result(30)

    def partition_count(self, topic):
        return len(self.admin.list_topics(topic, timeout=30).topics[topic].partitions)

    def produce(self, topic, codec, records):
        producer = Producer(
            {
                "bootstrap.servers": self.bootstrap,
                "compression.type": codec,
                "enable.idempotence": True,
                "linger.ms": 20,
            }
        )
        offsets = [None] * len(records)

        def delivered(place):
            def keep(error, message):
                if error:
                    raise scenario.Violation(f"produce: {error}")
                offsets[place] = message.offset()

            return keep

        for place, r in enumerate(records):
            producer.produce(
                topic,
                r.value,
                r.key,
                r.partition,
                on_delivery=delivered(place),
                timestamp=r.timestamp,
                headers=r.headers,
            )
        producer.flush(30)
        return offsets

    def read(self, topic, partition, count):
        consumer = Consumer(
            {"bootstrap.servers": self.bootstrap, "group.id": "unused", "enable.auto.commit": False}
        )
        consumer.assign([TopicPartition(topic, partition, 0)])
        out = []
        while len(out) < count:
            messages = consumer.consume(count, 10)
            if not messages:
                break
            out.extend(got(m) for m in messages)
        consumer.close()
        return out

    def member(self, group, topic):
        return Member(self.bootstrap, group, topic)

    def committed(self, group, topic):
        consumer = Consumer({"bootstrap.servers": self.bootstrap, "group.id": group})
        partitions = [TopicPartition(topic, p) for p in range(scenario.PARTITIONS)]
        out = {p.partition: p.offset for p in consumer.committed(partitions, timeout=30)}
        consumer.close()
        return out


scenario.run("confluent-kafka", Client)
