"""kafka-python in the scenario of scenario.py."""

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.structs import OffsetAndMetadata

import scenario


def got_all(polled):
    return [
        scenario.Got(r.partition, r.offset, r.key, r.value, list(r.headers), r.timestamp)
        for records in polled.values()
        for r in records
    ]


class Member:
    def __init__(self, bootstrap, group, topic):
        self.topic = topic
        self.consumer = KafkaConsumer(
            topic,
            bootstrap_servers=bootstrap,
            group_id=group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            heartbeat_interval_ms=500,
        )

    def assignment(self):
        return {p.partition for p in self.consumer.assignment()}

    def poll(self):
        # Longer than the library's 100 ms between metadata requests: when a poll times out at the
        # very moment a rejoin begins, 3.0.12 forgets to take up the assignment it is then given.
        return got_all(self.consumer.poll(350))

    def commit(self, offsets):
        self.consumer.commit(
            {TopicPartition(self.topic, p): OffsetAndMetadata(o) for p, o in offsets.items()}
        )

    def close(self):
        self.consumer.close(autocommit=False)


class Client:
    codecs = ["none", "gzip", "snappy", "lz4", "zstd"]

    def __init__(self, bootstrap):
        self.bootstrap = bootstrap
        self.admin = KafkaAdminClient(bootstrap_servers=bootstrap)

    def create_topic(self, topic, partitions):
        self.admin.create_topics({topic: {"num_partitions": partitions, "replication_factor": 1}})

    def partition_count(self, topic):
        return len(self.admin.describe_topics([topic])[0]["partitions"])

    def produce(self, topic, codec, records):
        producer = KafkaProducer(
            bootstrap_servers=self.bootstrap,
            compression_type=None if codec == "none" else codec,
            acks="all",
            linger_ms=20,
        )
        futures = [
            producer.send(topic, r.value, r.key, r.headers, r.partition, r.timestamp)
            for r in records
        ]
        offsets = [future.get(30).offset for future in futures]
        producer.close(10)
        return offsets

    def read(self, topic, partition, count):
        consumer = KafkaConsumer(bootstrap_servers=self.bootstrap, enable_auto_commit=False)
        where = TopicPartition(topic, partition)
        consumer.assign([where])
        consumer.seek(where, 0)
        out = []
        while len(out) < count:
            batch = got_all(consumer.poll(10_000))
            if not batch:
                break
            out.extend(batch)
        consumer.close()
        return out

    def member(self, group, topic):
        return Member(self.bootstrap, group, topic)

    def committed(self, group, topic):
        consumer = KafkaConsumer(bootstrap_servers=self.bootstrap, group_id=group)
        out = {p: consumer.committed(TopicPartition(topic, p)) for p in range(scenario.PARTITIONS)}
        consumer.close(autocommit=False)
        return out


scenario.run("kafka-python", Client)
