import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { propertySettings } from '../../../test/property-settings.ts'
import { MillraceError } from '../../platform/errors.ts'
import type { MessageId } from './message-id.ts'
import { type Outgoing, type ProducerConnection, type ProducerListener, ResendingProducer } from './resending-producer.ts'
import type { SequenceLane } from './sequence-numbers.ts'

/** What happens to the next thing that reaches the broker. */
type Fate = 'fine' | 'lost before it is stored' | 'lost after it is stored' | 'not connected'

/** A broker that stores a number of a name once, and numbers what comes by itself as the WebSocket proxy does. */
class FakeBroker {
  readonly stored: string[] = []
  readonly highest = new Map<string, number>()
  readonly fates: Fate[]
  connections = 0
  live: ProducerListener | null = null
  silent = false

  constructor(fates: readonly Fate[] = []) {
    this.fates = [...fates]
  }

  async connect(name: string, first: number, listener: ProducerListener): Promise<ProducerConnection> {
    if (this.fates[0] === 'not connected') {
      this.fates.shift()
      throw new MillraceError('unavailable', 'connection refused', { retryable: true })
    }
    this.connections += 1
    this.live = listener
    let open = true
    let next = first
    return {
      send: (message) => {
        const sequence = next
        next += 1
        // The broker answers in a later turn, as over a wire.
        queueMicrotask(() => {
          if (open && !this.#take([name, sequence], message, listener)) open = false
        })
      },
      end: () => {
        open = false
      },
    }
  }

  /** False once the connection is lost. */
  #take([name, sequence]: readonly [string, number], { id, payload }: Outgoing, listener: ProducerListener): boolean {
    const fate = this.fates.shift() ?? 'fine'
    if (fate === 'lost before it is stored' || fate === 'not connected') {
      listener.lost('cut')
      return false
    }
    const repeated = sequence <= (this.highest.get(name) ?? 0)
    if (!repeated) {
      this.highest.set(name, sequence)
      this.stored.push(Buffer.from(payload).toString())
    }
    if (fate === 'lost after it is stored') {
      listener.lost('cut')
      return false
    }
    const messageId: MessageId | null = repeated ? null : { ledger: 1, entry: this.stored.length, index: -1 }
    if (!this.silent) listener.answered(id, messageId)
    return true
  }
}

function laneOf(producer: string, first = 1): SequenceLane {
  let next = first
  return {
    producer,
    next: () => {
      next += 1
      return next - 1
    },
    peek: () => next,
  }
}

/** Waits that are over at once, so that a test takes no time. */
const quickClock = { now: () => 0, elapsed: () => 0, sleep: () => new Promise<void>((resolve) => { setImmediate(resolve) }) }

async function open(broker: FakeBroker, { first = 1, appendTimeoutMs = 60_000 } = {}): Promise<ResendingProducer> {
  let names = 0
  return ResendingProducer.open({
    clock: quickClock, appendTimeoutMs, lane: laneOf('name-0', first),
    connect: (name, number, listener) => broker.connect(name, number, listener),
    rename: () => {
      names += 1
      return laneOf(`name-${names}`)
    },
  })
}

function send(producer: ResendingProducer, text: string): Promise<MessageId | null> {
  return producer.send(Buffer.from(text), 1)
}

const texts = Array.from({ length: 40 }, (_, index) => `record ${index}`)

describe('ResendingProducer', () => {
  it('stores everything once and in order, wherever the connection is cut', async () => {
    const fate = fc.constantFrom<Fate>('fine', 'fine', 'fine', 'lost before it is stored', 'lost after it is stored', 'not connected')
    await fc.assert(fc.asyncProperty(fc.array(fate, { maxLength: 80 }), fc.nat({ max: 39 }), async (fates, early) => {
      const broker = new FakeBroker()
      const producer = await open(broker)
      // The first answer proves that the numbers are new.
      await send(producer, 'proof')
      broker.fates.push(...fates)
      const first = texts.slice(0, early).map((text) => send(producer, text))
      await new Promise((resolve) => setImmediate(resolve))
      await Promise.all([...first, ...texts.slice(early).map((text) => send(producer, text))])
      expect(broker.stored).toEqual(['proof', ...texts])
      await producer.close()
    }), propertySettings(200))
  })

  it('loses nothing before the first answer either; what cannot be told apart is stored twice', async () => {
    const fate = fc.constantFrom<Fate>('fine', 'lost before it is stored', 'lost after it is stored', 'not connected')
    await fc.assert(fc.asyncProperty(fc.array(fate, { maxLength: 20 }), async (fates) => {
      const broker = new FakeBroker()
      const producer = await open(broker)
      broker.fates.push(...fates)
      await Promise.all(texts.map((text) => send(producer, text)))
      expect([...new Set(broker.stored)].toSorted()).toEqual(texts.toSorted())
      await producer.close()
    }), propertySettings(100))
  })

  it('stores under a new name what meets numbers that were used before', async () => {
    const broker = new FakeBroker()
    broker.highest.set('name-0', 25)
    const producer = await open(broker, { first: 1 })
    const ids = await Promise.all(texts.map((text) => send(producer, text)))
    expect(ids.every((id) => id !== null)).toBe(true)
    expect(broker.stored).toEqual(texts)
    expect([...broker.highest.keys()]).toEqual(['name-0', 'name-1'])
    await producer.close()
  })

  it('answers null for a resend that the broker had', async () => {
    const broker = new FakeBroker()
    const producer = await open(broker)
    expect(await send(producer, 'proof')).not.toBeNull()
    broker.fates.push('lost after it is stored')
    expect(await send(producer, 'once')).toBeNull()
    expect(broker.stored).toEqual(['proof', 'once'])
    await producer.close()
  })

  it('gives up what is not answered in time, says whether it was sent, and goes on', async () => {
    const broker = new FakeBroker()
    const producer = await open(broker, { appendTimeoutMs: 50 })
    broker.silent = true
    await expect(send(producer, 'unanswered')).rejects.toMatchObject({ code: 'outcome_unknown', retryable: true })
    broker.silent = false
    expect(await send(producer, 'after')).not.toBeNull()
    expect(broker.connections).toBeGreaterThan(1)
    broker.fates.push('lost before it is stored', ...Array.from({ length: 100_000 }, (): Fate => 'not connected'))
    await expect(send(producer, 'cut')).rejects.toMatchObject({ code: 'outcome_unknown' })
    // Without a connection for longer than a message may wait, the next one does not wait.
    await expect(send(producer, 'refused')).rejects.toMatchObject({ code: 'unavailable', retryable: true })
    expect(producer.trouble()).toBe('connection refused')
    await producer.close()
  })

  it('fails to open as its first connection does, and closes after what was sent', async () => {
    await expect(open(new FakeBroker(['not connected']))).rejects.toMatchObject({ code: 'unavailable' })
    const broker = new FakeBroker()
    const producer = await open(broker)
    const sent = Promise.all(texts.map((text) => send(producer, text)))
    await producer.close()
    await sent
    expect(broker.stored).toEqual(texts)
    expect(producer.trouble()).toBe('closed')
  })
})
