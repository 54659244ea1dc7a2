// The client scenario of ../README.md, once for every Node library.
// It knows nothing of any library and nothing of the broker's inside.
//
// A library's program hands `run` an adapter with these async methods:
//   codecs                                     the codecs it has
//   createTopic(topic, partitions), partitionCount(topic)
//   produce(topic, codec, records)             answers the first offset of each partition, an array
//   read(topic, count)                         `count` records of each partition from the beginning
//   member(group, topic)                       answers an object with the methods assignment(),
//                                              poll(), commit(offsets), close()
//   committed(group, topic)                    answers an array, one offset a partition
//   close()
// Records have partition, key, value (Buffer or null), headers ([name, Buffer] pairs), timestamp
// (milliseconds); records read have an offset, too. Both libraries answer only a base offset when
// they produce, and neither reads without a group.

import { isDeepStrictEqual, inspect } from 'node:util'
import { setTimeout as sleep } from 'node:timers/promises'

export const PARTITIONS = 3
const PER_CODEC = 30
const DAY_MS = 86_400_000
const TIMESTAMP = Number(process.env.CLIENTS_TIMESTAMP ?? Math.floor(Date.now() / DAY_MS) * DAY_MS)
const WAIT_MS = 40_000
const EVERYTHING = [0, 1, 2]

let checks = 0

class Violation extends Error {}

export function check(condition, message) {
  if (!condition) throw new Violation(message)
  checks++
  console.log('  ok', message)
}

export function equal(actual, wanted, message) {
  const same = isDeepStrictEqual(actual, wanted)
  check(same, same ? message : `${message}: ${inspect(actual)}, not ${inspect(wanted)}`)
}

function recordsOf(codec, place) {
  return Array.from({ length: PER_CODEC }, (_, i) => {
    const text = i === 1 ? 'x'.repeat(100_000) : `${codec} value ${i}`
    const headers = [
      ['trace', 'a'],
      ['trace', 'b'],
      ['empty', ''],
      ['number', String(i)]
    ]
    return {
      partition: i % PARTITIONS,
      key: i % 10 === 3 ? null : Buffer.from(`${codec}-${i}`),
      value: i % 10 === 6 ? null : Buffer.from(text),
      headers: i % 2 === 0 ? headers.map(([name, value]) => [name, Buffer.from(value)]) : [],
      timestamp: TIMESTAMP + 1000 * place + i
    }
  })
}

// `count` records a partition, numbered from `first` in each partition.
function plainRecords(first, count) {
  const out = []
  for (let number = first; number < first + count; number++) {
    for (const partition of EVERYTHING) {
      const value = Buffer.from(`${partition}/${number}`)
      out.push({ partition, key: Buffer.from('k'), value, headers: [], timestamp: Date.now() })
    }
  }
  return out
}

async function verifyData(client, topic) {
  const sent = client.codecs.flatMap(recordsOf)
  const got = await client.read(topic, sent.length / PARTITIONS)
  for (const partition of EVERYTHING) {
    const wanted = sent
      .filter(r => r.partition === partition)
      .map((r, offset) => ({ ...r, offset }))
    const mine = got.filter(r => r.partition === partition)
    equal(mine.length, wanted.length, `${topic}/${partition} has ${wanted.length} records`)
    for (const [offset, record] of wanted.entries()) {
      if (!isDeepStrictEqual(mine[offset], record)) {
        throw new Violation(
          `${topic}/${partition}@${offset}: ${inspect(mine[offset])}, not ${inspect(record)}`
        )
      }
    }
    check(true, `${wanted.length} records of ${topic}/${partition} are what was sent`)
  }
}

async function create(client, topic) {
  await client.createTopic(topic, PARTITIONS)
  // Apache Kafka may show a topic a moment after it answered that it is there.
  for (let tries = 0; tries < 50 && (await client.partitionCount(topic)) === 0; tries++)
    await sleep(100)
  equal(await client.partitionCount(topic), PARTITIONS, `${topic} has ${PARTITIONS} partitions`)
}

// Polls the members until the condition holds; a record on the way is a violation.
async function until(condition, members, message) {
  const deadline = Date.now() + WAIT_MS
  while (!condition()) {
    if (Date.now() > deadline) {
      throw new Violation(
        `not within ${WAIT_MS} ms: ${message}; owned: ${inspect(members.map(m => m.assignment()))}`
      )
    }
    for (const member of members) {
      const extra = await member.poll()
      if (extra.length > 0)
        throw new Violation(`unexpected records while waiting for: ${message}: ${inspect(extra)}`)
    }
  }
  check(true, message)
}

// Polls until `count` records came and half a second more for what must not come.
async function take(members, count) {
  const got = members.map(() => [])
  let deadline = Date.now() + WAIT_MS
  let complete = false
  while (Date.now() < deadline) {
    for (const [n, member] of members.entries()) got[n].push(...(await member.poll()))
    if (!complete && got.flat().length >= count) {
      complete = true
      deadline = Date.now() + 500
    }
  }
  return got
}

function exactly(got, first, count, message) {
  for (const partition of EVERYTHING) {
    const mine = got.filter(r => r.partition === partition).map(r => [r.offset, String(r.value)])
    const wanted = Array.from({ length: count }, (_, n) => [first + n, `${partition}/${first + n}`])
    equal(
      mine,
      wanted,
      `${message}: partition ${partition} gave ${count} records from ${first} once each`
    )
  }
}

const owners = got => [...new Set(got.map(r => r.partition))].sort()
const ownsAll = member => isDeepStrictEqual(member.assignment(), EVERYTHING)
const offsetsFor = (partitions, offset) => new Map(partitions.map(p => [p, offset]))

async function before(client, prefix) {
  const [data, group] = [`${prefix}-data`, `${prefix}-group`]
  await create(client, data)
  for (const [place, codec] of client.codecs.entries()) {
    const first = await client.produce(data, codec, recordsOf(codec, place))
    equal(
      first,
      EVERYTHING.map(() => (place * PER_CODEC) / PARTITIONS),
      `offsets acknowledged for ${codec}`
    )
  }
  await verifyData(client, data)

  await create(client, group)
  const a = await client.member(group, group)
  await until(() => ownsAll(a), [a], 'A alone owns all partitions')
  const b = await client.member(group, group)
  await until(
    () =>
      a.assignment().length > 0 &&
      b.assignment().length > 0 &&
      isDeepStrictEqual([...a.assignment(), ...b.assignment()].sort(), EVERYTHING),
    [a, b],
    'A and B share the partitions, each owned once'
  )
  // A fetch that was under way when a partition was taken from A is still delivered by
  // @platformatic/kafka: let it end before there is something to fetch.
  const settled = Date.now() + 1000
  await until(() => Date.now() > settled, [a, b], 'nothing is left to fetch')
  await client.produce(group, 'none', plainRecords(0, 10))
  const [fromA, fromB] = await take([a, b], 30)
  exactly([...fromA, ...fromB], 0, 10, 'shared')
  equal(owners(fromA), a.assignment(), 'A got the records of its partitions')
  equal(owners(fromB), b.assignment(), 'B got the records of its partitions')
  for (const member of [a, b]) await member.commit(offsetsFor(member.assignment(), 10))
  await b.close()
  await until(() => ownsAll(a), [a], 'A took over when B left')
  await client.produce(group, 'none', plainRecords(10, 10))
  exactly((await take([a], 30))[0], 10, 10, 'after the takeover')
  await a.commit(offsetsFor(EVERYTHING, 15))
  await a.close()
}

async function after(client, prefix) {
  const [data, group] = [`${prefix}-data`, `${prefix}-group`]
  equal(await client.partitionCount(data), PARTITIONS, `${data} still has ${PARTITIONS} partitions`)
  await verifyData(client, data)
  equal(await client.committed(group, group), [15, 15, 15], 'committed offsets survived')
  const c = await client.member(group, group)
  exactly((await take([c], 15))[0], 15, 5, 'resumed')
  await c.commit(offsetsFor(EVERYTHING, 20))
  await c.close()
  equal(
    await client.produce(group, 'none', plainRecords(20, 1)),
    [20, 20, 20],
    'the log goes on at offset 20'
  )
  const d = await client.member(group, group)
  exactly((await take([d], 3))[0], 20, 1, 'resumed again')
  await d.close()
}

// Keeps what a library pushes until the scenario polls for it.
export class Mailbox {
  received = []
  async poll() {
    await sleep(100)
    return this.received.splice(0)
  }

  // Waits until `count` records of each partition have come, at most 20 s.
  async collect(count) {
    const out = []
    for (let tries = 0; tries < 200 && out.length < count * PARTITIONS; tries++)
      out.push(...(await this.poll()))
    return out
  }
}

export async function run(name, connect) {
  const [bootstrap, phase, prefix] = process.argv.slice(2)
  if (process.argv.length !== 5 || !['before', 'after'].includes(phase)) {
    console.error(`usage: ${process.argv[1]} BOOTSTRAP before|after TOPIC_PREFIX`)
    process.exit(2)
  }
  try {
    const client = await connect(bootstrap)
    await (phase === 'before' ? before : after)(client, prefix)
    await client.close()
  } catch (error) {
    console.error(
      `${name} FAILED in ${phase}: ${error instanceof Violation ? error.message : inspect(error)}`
    )
    process.exit(1)
  }
  console.log(`${name} ok: ${checks} checks`)
  process.exit(0)
}
