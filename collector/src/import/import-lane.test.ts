import { describe, expect, it } from 'vitest'
import type { Clock } from '../platform/clock.ts'
import type { LogWriter } from '../ports/log.ts'
import type { PartitionRow } from '../ports/oltp.ts'
import { ImportLane, type ImportRecord } from './import-lane.ts'

/** A log that counts, and a pump that decides when it is told to. */
class World {
  readonly appended: string[] = []
  readonly known = new Set<string>()
  spooling = false
  now = 0
  /** Called at each sleep: what happens meanwhile. */
  meanwhile: () => void = () => {}
  #positions = 0
  #decided = 0

  decide(records: number): void {
    this.#decided = Math.min(this.#positions, this.#decided + records)
  }

  lane(): ImportLane {
    const log: Pick<LogWriter, 'partitions' | 'append' | 'readiness' | 'pendingBytes' | 'trim' | 'close'> = {
      partitions: 1,
      append: async (_, payload) => {
        this.appended.push(Buffer.from(payload).toString())
        this.#positions += 1
        return position(this.#positions)
      },
      readiness: () => ({ ready: true, ...(this.spooling ? { storedIn: 'spool' } : {}) }),
      pendingBytes: () => 0,
      trim: async () => true,
      close: async () => {},
    }
    const clock: Clock = {
      now: () => this.now,
      elapsed: () => this.now,
      sleep: async (ms) => {
        this.now += ms
        this.meanwhile()
      },
    }
    return new ImportLane({
      log, clock,
      reader: {
        registered: async (_, messageIds) => messageIds.map((id) => this.known.has(id)),
        partitions: async (): Promise<readonly PartitionRow[]> => [{
          partition: 0, pumpEpoch: 1, loadEpoch: 1, position: this.#decided === 0 ? null : position(this.#decided), sequence: null,
          batch: this.#decided, archivedBatch: 1, loadedBatch: 0, load: 0,
        }],
      },
    })
  }
}

function position(number: number): string {
  return String(number).padStart(8, '0')
}

function record(events: number, first = 0): ImportRecord {
  const messageIds = Array.from({ length: events }, (_, index) => `m${first + index}`)
  return { partition: 0, messageIds, text: messageIds.map((id) => `line of ${id}\n`).join('') }
}

describe('the way of history into the log', () => {
  it('waits while enough events wait for the pump, and goes on as they are decided', async () => {
    const world = new World()
    const lane = world.lane()
    for (let block = 0; block < 3; block += 1) await lane.append(1, [record(1_000)])
    let sleeps = 0
    world.meanwhile = () => {
      sleeps += 1
      if (sleeps === 5) world.decide(1)
    }
    await lane.append(1, [record(1_000)])
    expect(sleeps).toBe(5)
    world.decide(9)
    expect(await lane.rest()).toEqual({ undecidedEvents: 0, unarchivedBatches: 3, unloadedBatches: 4 })
  })

  it('appends only what the register does not know', async () => {
    const world = new World()
    world.known.add('m1')
    expect(await world.lane().append(1, [record(3)])).toEqual({ stored: 2, known: 1 })
    expect(world.appended).toEqual(['line of m0\nline of m2\n'])
  })

  it('says so when the pump stands still or the broker is away, and appends nothing', async () => {
    const world = new World()
    const lane = world.lane()
    await lane.append(1, [record(9_000)])
    await expect(lane.append(1, [record(1)])).rejects.toMatchObject({ code: 'overloaded', retryable: true })
    expect(world.now).toBeGreaterThan(60_000)
    world.spooling = true
    await expect(lane.append(1, [record(1)])).rejects.toMatchObject({ code: 'overloaded', retryable: true })
    expect(world.appended).toHaveLength(1)
  })

  it('refuses records of another form', async () => {
    const lane = new World().lane()
    for (const wrong of [{ ...record(2), partition: 7 }, { ...record(2), text: 'one line\n' }]) await expect(lane.append(1, [wrong])).rejects.toMatchObject({ code: 'bad_request' })
  })
})
