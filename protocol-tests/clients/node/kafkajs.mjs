// kafkajs in the scenario of scenario.mjs. Of the codecs it has gzip itself, the others are plugged
// in. Repeated header keys are one array in its interface.

import zlib from 'node:zlib'
import kafkajs from 'kafkajs'
import snappy from 'kafkajs-snappy'
import * as lz4 from 'lz4-napi'
import { run, Mailbox, PARTITIONS } from './scenario.mjs'

const { Kafka, logLevel, CompressionTypes, CompressionCodecs, Partitioners } = kafkajs
CompressionCodecs[CompressionTypes.Snappy] = snappy
CompressionCodecs[CompressionTypes.LZ4] = () => ({
  compress: encoder => lz4.compressFrame(encoder.buffer),
  decompress: buffer => lz4.decompressFrame(buffer)
})
CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  compress: async encoder => zlib.zstdCompressSync(encoder.buffer),
  decompress: async buffer => zlib.zstdDecompressSync(buffer)
})
const TYPES = {
  none: CompressionTypes.None,
  gzip: CompressionTypes.GZIP,
  snappy: CompressionTypes.Snappy,
  lz4: CompressionTypes.LZ4,
  zstd: CompressionTypes.ZSTD
}

function headersToSend(headers) {
  const out = {}
  for (const [name, value] of headers) {
    if (!(name in out)) out[name] = value
    else out[name] = [out[name], value].flat()
  }
  return out
}

const headersReceived = headers =>
  Object.entries(headers ?? {}).flatMap(([name, value]) => [value].flat().map(one => [name, one]))

async function consumer(kafka, group, topic, mailbox, owned) {
  const consumer = kafka.consumer({ groupId: group, heartbeatInterval: 500, maxWaitTimeInMs: 200 })
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) =>
    owned?.(payload.memberAssignment[topic] ?? [])
  )
  consumer.on(consumer.events.REBALANCING, () => owned?.([]))
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({
    autoCommit: false,
    eachMessage: async ({ partition, message }) => {
      mailbox.received.push({
        partition,
        key: message.key,
        value: message.value,
        headers: headersReceived(message.headers),
        timestamp: Number(message.timestamp),
        offset: Number(message.offset)
      })
    }
  })
  return consumer
}

await run('kafkajs', async bootstrap => {
  const kafka = new Kafka({ clientId: 'clients', brokers: [bootstrap], logLevel: logLevel.NOTHING })
  const admin = kafka.admin()
  const producer = kafka.producer({
    idempotent: true,
    createPartitioner: Partitioners.DefaultPartitioner
  })
  await admin.connect()
  await producer.connect()
  return {
    codecs: Object.keys(TYPES),

    createTopic: (topic, numPartitions) =>
      admin.createTopics({
        topics: [{ topic, numPartitions, replicationFactor: 1 }],
        waitForLeaders: false
      }),

    partitionCount: async topic => {
      try {
        return (await admin.fetchTopicMetadata({ topics: [topic] })).topics[0].partitions.length
      } catch (error) {
        if (error.type === 'UNKNOWN_TOPIC_OR_PARTITION') return 0
        throw error
      }
    },

    produce: async (topic, codec, records) => {
      const messages = records.map(r => ({
        ...r,
        headers: headersToSend(r.headers),
        timestamp: String(r.timestamp)
      }))
      const answers = await producer.send({ topic, acks: -1, compression: TYPES[codec], messages })
      return answers.sort((a, b) => a.partition - b.partition).map(a => Number(a.baseOffset))
    },

    read: async (topic, count) => {
      const mailbox = new Mailbox()
      const reader = await consumer(kafka, `${topic}-read-${Date.now()}`, topic, mailbox)
      const out = await mailbox.collect(count)
      await reader.disconnect()
      return out
    },

    member: async (group, topic) => {
      const mailbox = new Mailbox()
      let owned = []
      const member = await consumer(kafka, group, topic, mailbox, partitions => {
        owned = [...partitions].sort()
      })
      return {
        assignment: () => owned,
        poll: () => mailbox.poll(),
        commit: offsets =>
          member.commitOffsets(
            [...offsets].map(([partition, offset]) => ({
              topic,
              partition,
              offset: String(offset)
            }))
          ),
        close: () => member.disconnect()
      }
    },

    committed: async (groupId, topic) => {
      const [{ partitions }] = await admin.fetchOffsets({ groupId, topics: [topic] })
      const offsets = new Array(PARTITIONS)
      for (const p of partitions) offsets[p.partition] = Number(p.offset)
      return offsets
    },

    close: async () => {
      await producer.disconnect()
      await admin.disconnect()
    }
  }
})
