// @platformatic/kafka in the scenario of scenario.mjs. Headers are maps in its interface; a map
// with Buffers as keys can hold a repeated key.

import { Admin, Consumer, Producer } from '@platformatic/kafka'
import { run, Mailbox, PARTITIONS } from './scenario.mjs'

function receive(mailbox) {
  return message =>
    mailbox.received.push({
      partition: message.partition,
      key: message.key ?? null,
      value: message.value ?? null,
      headers: message.headerEntries.map(([name, value]) => [String(name), value]),
      timestamp: Number(message.timestamp),
      offset: Number(message.offset)
    })
}

await run('platformatic', async bootstrap => {
  // The default age of its metadata is kept: with fresh metadata for each fetch, the library sends
  // fetches from stale offsets when a partition comes back to a member.
  const common = { clientId: 'clients', bootstrapBrokers: [bootstrap] }
  const admin = new Admin(common)
  const producer = new Producer(common)
  const failed = error => {
    console.error('platformatic FAILED: a stream broke:', error)
    process.exit(1)
  }

  async function consume(group, topic, mailbox) {
    const consumer = new Consumer({
      ...common,
      groupId: group,
      heartbeatInterval: 500,
      maxWaitTime: 200
    })
    const stream = await consumer.consume({
      topics: [topic],
      mode: 'committed',
      fallbackMode: 'earliest',
      autocommit: false
    })
    stream.on('data', receive(mailbox))
    stream.on('error', failed)
    return { consumer, stream }
  }

  return {
    codecs: ['none', 'gzip', 'snappy', 'lz4', 'zstd'],

    createTopic: (topic, partitions) =>
      admin.createTopics({ topics: [topic], partitions, replicas: 1 }),

    partitionCount: async topic => {
      const metadata = await admin.metadata({ topics: [topic], forceUpdate: true })
      return metadata.topics.get(topic)?.partitionsCount ?? 0
    },

    produce: async (topic, codec, records) => {
      const messages = records.map(r => ({
        topic,
        partition: r.partition,
        key: r.key ?? undefined,
        value: r.value ?? undefined,
        headers: new Map(r.headers.map(([name, value]) => [Buffer.from(name), value])),
        timestamp: BigInt(r.timestamp)
      }))
      const { offsets } = await producer.send({
        messages,
        acks: -1,
        compression: codec,
        idempotent: true
      })
      return offsets.sort((a, b) => a.partition - b.partition).map(o => Number(o.offset))
    },

    read: async (topic, count) => {
      const mailbox = new Mailbox()
      const { consumer } = await consume(`${topic}-read-${Date.now()}`, topic, mailbox)
      const out = await mailbox.collect(count)
      await consumer.close(true)
      return out
    },

    member: async (group, topic) => {
      const mailbox = new Mailbox()
      const { consumer } = await consume(group, topic, mailbox)
      return {
        assignment: () =>
          (consumer.assignments ?? [])
            .filter(a => a.topic === topic)
            .flatMap(a => a.partitions)
            .sort(),
        poll: () => mailbox.poll(),
        commit: offsets =>
          consumer.commit({
            offsets: [...offsets].map(([partition, offset]) => ({
              topic,
              partition,
              offset: BigInt(offset),
              leaderEpoch: 0
            }))
          }),
        close: () => consumer.close(true)
      }
    },

    committed: async (group, topic) => {
      const consumer = new Consumer({ ...common, groupId: group })
      const partitions = Array.from({ length: PARTITIONS }, (_, n) => n)
      const offsets = await consumer.listCommittedOffsets({ topics: [{ topic, partitions }] })
      await consumer.close()
      return offsets.get(topic).map(Number)
    },

    close: async () => {
      await producer.close()
      await admin.close()
    }
  }
})
