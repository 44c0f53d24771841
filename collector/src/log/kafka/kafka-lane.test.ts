import { ProtocolError } from '@platformatic/kafka'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { propertySettings } from '../../../test/property-settings.ts'
import { systemClock, type Clock } from '../../platform/clock.ts'
import type { MillraceError } from '../../platform/errors.ts'
import { KafkaLane, type LaneBroker, type Producer } from './kafka-lane.ts'
import { parseKafkaPosition } from './kafka-position.ts'
import type { RecordToWrite } from './kafka-record.ts'

/** What happens to one request: where it breaks, if it does. */
const faults = ['none', 'no way there', 'lost on the way', 'answer lost', 'leader moved', 'too few copies after all', 'producer forgotten', 'hangs'] as const
type Fault = typeof faults[number]

/** A partition that treats producers and sequences as Kafka does, and fails as it is told. */
class FakePartition implements LaneBroker {
  readonly name = 'kafka at fake:9092'
  readonly stored: string[] = []
  /** Records of each request. */
  readonly requests: number[] = []
  readonly #faults: Fault[]
  readonly #last = new Map<bigint, { sequence: number, count: number, offset: bigint }>()
  #producers = 0n

  constructor(list: readonly Fault[]) {
    this.#faults = [...list]
  }

  async newProducer(): Promise<Pick<Producer, 'id' | 'epoch'>> {
    return { id: this.#producers += 1n, epoch: 0 }
  }

  async route(): Promise<(records: readonly RecordToWrite[], producer: Producer) => Promise<bigint>> {
    const fault = this.#faults.shift() ?? 'none'
    if (fault === 'no way there') throw new Error('connect ECONNREFUSED')
    return (records, producer) => this.#take(fault, records, producer)
  }

  forgetLayout(): void {}

  async #take(fault: Fault, records: readonly RecordToWrite[], { id, sequence }: Producer): Promise<bigint> {
    this.requests.push(records.length)
    if (fault === 'lost on the way') throw new Error('Connection closed')
    if (fault === 'hangs') return new Promise(() => {})
    if (fault === 'leader moved') throw new ProtocolError('NOT_LEADER_OR_FOLLOWER')
    if (fault === 'producer forgotten') throw new ProtocolError('OUT_OF_ORDER_SEQUENCE_NUMBER')
    const last = this.#last.get(id)
    if (last?.sequence === sequence && last.count === records.length) return last.offset
    if (sequence !== (last === undefined ? 0 : last.sequence + last.count)) throw new ProtocolError('OUT_OF_ORDER_SEQUENCE_NUMBER')
    const offset = BigInt(this.stored.length)
    this.#last.set(id, { sequence, count: records.length, offset })
    this.stored.push(...records.map(({ payload }) => Buffer.from(payload).toString()))
    if (fault === 'answer lost') throw new Error('Connection closed')
    if (fault === 'too few copies after all') throw new ProtocolError('NOT_ENOUGH_REPLICAS_AFTER_APPEND')
    return offset
  }
}

/** Pauses between attempts take no time, deadlines never come. */
const hurried: Clock = {
  now: () => 0,
  elapsed: () => 0,
  sleep: (ms, signal) => ms <= 1_000 ? new Promise((resolve) => setImmediate(resolve)) : new Promise((resolve) => signal?.addEventListener('abort', () => resolve())),
}

function laneOn(broker: LaneBroker, { clock = hurried, appendTimeoutMs = 3_600_000, signal = new AbortController().signal } = {}): { lane: KafkaLane, health: () => MillraceError | null } {
  let last: MillraceError | null = null
  const lane = new KafkaLane({
    broker, clock, partition: 0, appendTimeoutMs, signal, topic: () => ({ id: '', incarnation: 1 }),
    health: (fault) => {
      last = fault
    },
  })
  return { lane, health: () => last }
}

function append(lane: KafkaLane, text: string): Promise<string | null> {
  return lane.append(Buffer.from(text), 1)
}

describe('KafkaLane', () => {
  it('stores each record once and in order, whatever breaks', async () => {
    const passing = fc.constantFrom<Fault>(...faults.filter((fault) => fault !== 'hangs'))
    await fc.assert(fc.asyncProperty(fc.array(passing, { maxLength: 40 }), fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 12 }), async (list, bursts) => {
      const broker = new FakePartition(list)
      const { lane, health } = laneOn(broker)
      const sent: string[] = []
      const acknowledged: string[] = []
      const unknown: string[] = []
      const appends: Promise<void>[] = []
      for (const burst of bursts) {
        for (let index = 0; index < burst; index += 1) {
          const text = `record ${sent.length}`
          sent.push(text)
          appends.push(append(lane, text).then((position) => {
            acknowledged.push(text)
            expect(broker.stored[Number(parseKafkaPosition(position ?? '').offset)]).toBe(text)
          }, (error: unknown) => {
            expect(error).toMatchObject({ code: 'outcome_unknown', retryable: true })
            unknown.push(text)
          }))
        }
        await new Promise((resolve) => setImmediate(resolve))
      }
      await Promise.all(appends)
      expect(broker.stored).toEqual(sent.filter((text) => broker.stored.includes(text)))
      expect(broker.stored).toEqual(expect.arrayContaining(acknowledged))
      expect([...acknowledged, ...unknown].toSorted()).toEqual(sent.toSorted())
      // Only a broker that forgot the producer leaves a doubt.
      if (!list.includes('producer forgotten')) expect(unknown).toEqual([])
      if (unknown.length === 0) expect(health()).toBeNull()
    }), propertySettings(500))
  })

  it('makes one batch of what is appended together', async () => {
    const broker = new FakePartition(['none'])
    const { lane } = laneOn(broker)
    const positions = await Promise.all(['a', 'b', 'c'].map((text) => append(lane, text)))
    expect(positions.map((position) => parseKafkaPosition(position ?? '').offset)).toEqual([0n, 1n, 2n])
    expect(broker.requests).toEqual([3])
  })

  it('says that nothing was sent, or that nobody knows', async () => {
    const settings = { clock: systemClock, appendTimeoutMs: 30 }
    const away = laneOn(new FakePartition(Array.from({ length: 100 }, () => 'no way there' as const)), settings)
    await expect(append(away.lane, 'x')).rejects.toMatchObject({ code: 'unavailable', retryable: true })
    expect(away.health()).toMatchObject({ code: 'unavailable' })
    const silent = laneOn(new FakePartition(['hangs']), settings)
    await expect(append(silent.lane, 'x')).rejects.toMatchObject({ code: 'outcome_unknown', retryable: true })
    const broken = laneOn(new FakePartition(['answer lost', ...Array.from({ length: 100 }, () => 'no way there' as const)]), settings)
    await expect(append(broken.lane, 'x')).rejects.toMatchObject({ code: 'outcome_unknown', retryable: true })
  })

  it('never takes a later record for one that was given up', async () => {
    const broker = new FakePartition(['answer lost', 'hangs'])
    const { lane } = laneOn(broker, { clock: systemClock, appendTimeoutMs: 700 })
    await expect(append(lane, 'first')).rejects.toMatchObject({ code: 'outcome_unknown' })
    await append(lane, 'second')
    expect(broker.stored).toEqual(['first', 'second'])
  })

  it('fails at once what trying again cannot mend', async () => {
    const refusing: LaneBroker = {
      name: 'kafka at fake:9092', forgetLayout: () => {}, newProducer: async () => ({ id: 1n, epoch: 0 }),
      route: async () => async () => {
        throw new ProtocolError('TOPIC_AUTHORIZATION_FAILED')
      },
    }
    const { lane, health } = laneOn(refusing)
    await expect(append(lane, 'x')).rejects.toMatchObject({ code: 'log_failed', message: expect.stringContaining('kafka at fake:9092') })
    expect(health()).toMatchObject({ code: 'bad_config' })
  })

  it('gives up when it is closed', async () => {
    const stop = new AbortController()
    const { lane } = laneOn(new FakePartition(Array.from({ length: 10_000 }, () => 'no way there' as const)), { signal: stop.signal })
    const result = expect(append(lane, 'x')).rejects.toMatchObject({ code: 'closed' })
    stop.abort()
    await result
    await lane.idle()
  })
})
