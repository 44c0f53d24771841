import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { defaultIdentitySettings } from '../../collector/src/identity/identity-settings.ts'
import { systemClock } from '../../collector/src/platform/clock.ts'
import type { LogRecord } from '../../collector/src/ports/log.ts'
import type { Fence } from '../../collector/src/ports/oltp.ts'
import { decideBatch } from '../../collector/src/pump/decide.ts'
import { readRecord } from '../../collector/src/pump/read-record.ts'
import { SqliteOltp } from '../../collector/src/stores/oltp/sqlite/sqlite-oltp.ts'

/** What one event cost: processor time of the whole process, and time that passed. */
interface EventCost {
  readonly cpuUs: number
  readonly wallUs: number
}

const context = { settings: defaultIdentitySettings, identityKey: Buffer.alloc(32, 1), clock: systemClock }
const begin = Date.UTC(2026, 0, 1)

/** The decide stage on a real SQLite file, from records as the log gives them to the commit on disk. */
class DecideStage {
  readonly #directory = mkdtempSync(join(tmpdir(), 'millrace-decide-'))
  readonly #oltp = new SqliteOltp(join(this.#directory, 'millrace.db'))
  #fence: Fence | null = null
  #events = 0
  #batches = 0

  async open(): Promise<void> {
    await this.#oltp.migrate()
    this.#fence = (await this.#oltp.claimPartition(0, 'pump')).fence
  }

  /** Decides a batch of what these people do: reads the record, resolves, writes, commits. */
  async decide(people: readonly number[], isNew = false): Promise<EventCost> {
    const fence = this.#fence
    if (fence === null) throw new Error('the stage is not open')
    const record = this.#record(people, isNew)
    const [cpu, wall] = [process.cpuUsage(), performance.now()]
    const events = readRecord(record)
    const decided = await this.#oltp.decide(fence, (transaction) => decideBatch(transaction, { records: [record], events }, context))
    const [{ user, system }, passed] = [process.cpuUsage(cpu), performance.now() - wall]
    if (decided.row.stored !== people.length) throw new Error(`${decided.row.stored} of ${people.length} events were stored`)
    return { cpuUs: (user + system) / people.length, wallUs: passed * 1_000 / people.length }
  }

  bytes(): number {
    return readdirSync(this.#directory).reduce((sum, name) => sum + statSync(join(this.#directory, name)).size, 0)
  }

  async close(): Promise<void> {
    await this.#oltp.close()
    rmSync(this.#directory, { recursive: true })
  }

  #record(people: readonly number[], isNew: boolean): LogRecord {
    const lines = people.map((person) => {
      this.#events += 1
      const at = begin + this.#events
      const messageId = `${at.toString(16)}-${(Math.imul(this.#events, 0x9E37_79B1) >>> 0).toString(16).padStart(8, '0')}`
      const who = isNew || person % 2 === 0 ? { userId: `customer-${person}`, anonymousId: `visitor-${person}` } : { anonymousId: `visitor-${person}` }
      const event = {
        messageId, type: 'track', event: 'Product Viewed', ...who, timestamp: new Date(at).toISOString(), receivedAt: new Date(at).toISOString(),
        properties: { product_id: `P${person % 5_000}`, name: `Product no. ${person % 5_000}`, price: 19.99, quantity: 1, category: 'Shoes' },
      }
      return `1,${at},p,,\t${JSON.stringify(event)}\n`
    })
    this.#batches += 1
    return {
      partition: 0, position: `1:${String(this.#batches).padStart(16, '0')}`, appendedAt: begin, events: lines.length, sequence: undefined,
      payload: Buffer.from(lines.join('')),
    }
  }
}

/** The cost in the middle of many batches. */
function middle(costs: readonly EventCost[]): EventCost {
  const at = (values: readonly number[]): number => values.toSorted((x, y) => x - y)[Math.floor(values.length / 2)] ?? Number.NaN
  return { cpuUs: at(costs.map(({ cpuUs }) => cpuUs)), wallUs: at(costs.map(({ wallUs }) => wallUs)) }
}

async function stageWith(people: number): Promise<DecideStage> {
  const stage = new DecideStage()
  await stage.open()
  for (let from = 0; from < people; from += 10_000) await stage.decide(Array.from({ length: Math.min(10_000, people - from) }, (_, at) => from + at), true)
  return stage
}

/** So many different people out of those there are. */
function drawn(count: number, people: number, random: () => number): readonly number[] {
  const set = new Set<number>()
  while (set.size < Math.min(count, people)) set.add(Math.floor(random() * people))
  return [...set]
}

/** Events of people who are known already: nothing merges, and identity writes nothing but when an edge was last seen. */
export async function decideCosts(): Promise<readonly string[]> {
  const [people, batchEvents, batches] = [20_000, 4_000, 40]
  const stage = await stageWith(people)
  const random = randomFrom(1)
  const costs: EventCost[] = []
  for (let batch = 0; batch < batches; batch += 1) costs.push(await stage.decide(Array.from({ length: batchEvents }, () => Math.floor(random() * people))))
  await stage.close()
  const { cpuUs, wallUs } = middle(costs.slice(batches / 4))
  return [
    `decide stage, SQLite on disk, ${batchEvents} events a batch of ${people.toLocaleString('en')} known people, nothing merges`,
    `  ${Math.round(1e6 / cpuUs)} events/s of processor time, ${cpuUs.toFixed(1)} us an event; ${Math.round(1e6 / wallUs)} events/s by the clock (goal: 30,000)`,
  ]
}

/** Batches of as many people each, drawn from few and from many. */
export async function storedCosts(many: number, batchPeople: number): Promise<readonly string[]> {
  const few = 1_000
  const batches = Math.ceil(40_000 / batchPeople)
  const stages = await Promise.all([few, many].map(async (people) => ({ people, stage: await stageWith(people), costs: new Array<EventCost>(), random: randomFrom(7) })))
  // In turns, so that whatever else the machine does meets both.
  for (let batch = 0; batch < batches; batch += 1) {
    for (const { people, stage, costs, random } of stages) costs.push(await stage.decide(drawn(batchPeople, people, random)))
  }
  const lines = stages.map(({ people, costs, stage }) => {
    const { cpuUs, wallUs } = middle(costs.slice(batches / 4))
    return { cpuUs, wallUs, line: `  ${people.toLocaleString('en').padStart(9)} stored (${(stage.bytes() / 1e6).toFixed(0)} MB): ${cpuUs.toFixed(1)} us of processor time an event, ${wallUs.toFixed(1)} us by the clock` }
  })
  for (const { stage } of stages) await stage.close()
  const [one, other] = lines
  return [
    `decide stage by people stored, ${batchPeople} events of ${batchPeople} people a batch`, ...lines.map(({ line }) => line),
    `  ratio ${((other?.cpuUs ?? 0) / (one?.cpuUs ?? 0)).toFixed(2)} of processor time, ${((other?.wallUs ?? 0) / (one?.wallUs ?? 0)).toFixed(2)} by the clock (goal, for 1,000,000: within 1.3)`,
  ]
}

/** The linear congruential generator of "Numerical Recipes" (Press et al.). */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}
