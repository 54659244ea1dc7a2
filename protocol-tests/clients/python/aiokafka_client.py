"""aiokafka in the scenario of scenario.py: its own event loop is stepped by the blocking calls."""

import asyncio

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

import scenario

loop = asyncio.new_event_loop()
wait = loop.run_until_complete


def got_all(polled):
    return [
        scenario.Got(r.partition, r.offset, r.key, r.value, list(r.headers), r.timestamp)
        for records in polled.values()
        for r in records
    ]


async def made(kind, *arguments, **options):
    """Builds a client inside the loop, as the library demands, and starts it."""
    client = kind(*arguments, **options)
    await client.start()
    return client


class Member:
    def __init__(self, bootstrap, group, topic):
        self.topic = topic
        self.consumer = wait(
            made(
                AIOKafkaConsumer,
                topic,
                bootstrap_servers=bootstrap,
                group_id=group,
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                heartbeat_interval_ms=500,
            )
        )

    def assignment(self):
        return {p.partition for p in self.consumer.assignment()}

    def poll(self):
        return got_all(wait(self.consumer.getmany(timeout_ms=100)))

    def commit(self, offsets):
        wait(self.consumer.commit({TopicPartition(self.topic, p): o for p, o in offsets.items()}))

    def close(self):
        wait(self.consumer.stop())


class Client:
    codecs = ["none", "gzip", "snappy", "lz4", "zstd"]

    def __init__(self, bootstrap):
        self.bootstrap = bootstrap

    async def _admin(self, call):
        admin = await made(AIOKafkaAdminClient, bootstrap_servers=self.bootstrap)
        try:
            return await call(admin)
        finally:
            await admin.close()

    def create_topic(self, topic, partitions):
        answer = wait(
            self._admin(lambda admin: admin.create_topics([NewTopic(topic, partitions, 1)]))
        )
        scenario.equal([e[1] for e in answer.topic_errors], [0], f"created {topic}")

    def partition_count(self, topic):
        return len(wait(self._admin(lambda admin: admin.describe_topics([topic])))[0]["partitions"])

    async def _produce(self, topic, codec, records):
        producer = await made(
            AIOKafkaProducer,
            bootstrap_servers=self.bootstrap,
            compression_type=None if codec == "none" else codec,
            enable_idempotence=True,
            linger_ms=20,
        )
        futures = [
            await producer.send(topic, r.value, r.key, r.partition, r.timestamp, r.headers)
            for r in records
        ]
        offsets = [(await future).offset for future in futures]
        await producer.stop()
        return offsets

    def produce(self, topic, codec, records):
        return wait(self._produce(topic, codec, records))

    async def _read(self, topic, partition, count):
        consumer = await made(
            AIOKafkaConsumer, bootstrap_servers=self.bootstrap, enable_auto_commit=False
        )
        where = TopicPartition(topic, partition)
        consumer.assign([where])
        consumer.seek(where, 0)
        out = []
        while len(out) < count:
            batch = got_all(await consumer.getmany(where, timeout_ms=10_000))
            if not batch:
                break
            out.extend(batch)
        await consumer.stop()
        return out

    def read(self, topic, partition, count):
        return wait(self._read(topic, partition, count))

    def member(self, group, topic):
        return Member(self.bootstrap, group, topic)

    async def _committed(self, group, topic):
        consumer = await made(
            AIOKafkaConsumer,
            bootstrap_servers=self.bootstrap,
            group_id=group,
            enable_auto_commit=False,
        )
        out = {}
        for partition in range(scenario.PARTITIONS):
            where = TopicPartition(topic, partition)
            consumer.assign([where])
            out[partition] = await consumer.committed(where)
        await consumer.stop()
        return out

    def committed(self, group, topic):
        return wait(self._committed(group, topic))


scenario.run("aiokafka", Client)
