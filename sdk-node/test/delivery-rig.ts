import { CollectorHealth } from '../src/collector-health.ts'
import { Delivery, type SettledEvent } from '../src/delivery.ts'
import { encodeEvent } from '../src/encode-event.ts'
import { EventMemory } from '../src/event-memory.ts'
import { EventQueue } from '../src/event-queue.ts'
import type { TransportAnswer, TransportFailure } from '../src/transport.ts'
import { ManualClock } from './manual-clock.ts'

export interface RigRequest {
  readonly ids: readonly string[]
  readonly timeoutMs: number
  /** Ticks. */
  readonly at: number
}

export type RigAnswer = (request: RigRequest, number: number) => TransportAnswer | TransportFailure | Promise<TransportAnswer | TransportFailure>

export interface RigOptions {
  readonly flushAt?: number
  readonly connections?: number
  readonly ageMsMax?: number
  readonly random?: () => number
}

/** Queue and delivery without a network: the clock and the collector are the test's. */
export class DeliveryRig {
  readonly clock = new ManualClock()
  readonly memory = new EventMemory()
  readonly queue = new EventQueue({ eventsMax: 10_000, bytesMax: 10_000_000 })
  readonly requests: RigRequest[] = []
  readonly settled: SettledEvent[] = []
  readonly delivery: Delivery
  readonly health: CollectorHealth
  answer: RigAnswer = ({ ids }) => ok(ids)
  #number = 0

  constructor({ flushAt = 5, connections = 1, ageMsMax = 3_600_000, random = () => 1 }: RigOptions = {}) {
    this.health = new CollectorHealth({ connections, batchEventsMax: flushAt, requestTimeoutMs: 10_000 }, random)
    this.delivery = new Delivery({
      queue: this.queue, memory: this.memory, health: this.health, clock: this.clock, contextJson: '{}',
      transport: {
        post: async (body, timeoutMs) => {
          const request = { ids: idsOf(body), timeoutMs, at: this.clock.ticks() }
          this.requests.push(request)
          return this.answer(request, this.requests.length)
        },
      },
      finished: (settled) => this.settled.push(...settled),
      taken: () => {},
    }, { batchBytesMax: 450_000, batchDelayMs: 200, ageMsMax })
  }

  /** Adds events `m1`, `m2`, ... */
  add(count: number): void {
    for (let index = 0; index < count; index += 1) {
      this.#number += 1
      const call = { userId: 'u', event: 'Order Completed', messageId: `m${this.#number}` }
      const event = encodeEvent({ type: 'track', call, inherited: undefined, number: this.#number, clock: this.clock, memory: this.memory, callback: undefined })
      if ('reason' in event) throw new Error(event.message)
      this.queue.add(event)
      this.delivery.poke()
    }
  }

  get outcomes(): readonly string[] {
    return this.settled.map(({ event, outcome }) => `${event.messageId} ${outcome.kind}${'reason' in outcome ? ` ${outcome.reason}` : ''}`)
  }

  get delivered(): readonly string[] {
    return this.settled.filter(({ outcome }) => outcome.kind === 'delivered').map(({ event }) => event.messageId)
  }
}

export function ok(ids: readonly string[]): TransportAnswer {
  return answered(200, JSON.stringify({ success: true, stored: 'log', results: ids.map((messageId) => ({ messageId, result: 'ok' })) }))
}

export function answered(status: number, body = '', retryAfter?: string): TransportAnswer {
  return { status, body, retryAfter }
}

export function unanswered(timedOut: boolean): TransportFailure {
  return { status: null, message: timedOut ? 'no answer' : 'reset', timedOut }
}

function idsOf(body: Buffer): readonly string[] {
  const parsed: { batch: { messageId: string }[] } = JSON.parse(body.toString())
  return parsed.batch.map(({ messageId }) => messageId)
}
