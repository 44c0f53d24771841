import { abandonedCart, defaultCartSettings } from '../../collector/src/automation/cart-settings.ts'
import { checkAtRest } from './at-rest.ts'
import { type InputPlan, makeInput } from './input.ts'
import { Owner, type OwnerPlan } from './owner.ts'
import type { Sabotage } from './sabotage.ts'
import { makeStores, type Stores } from './stores.ts'
import { climateOf, Weather } from './weather.ts'
import { beginMs, World } from './world.ts'

export interface HistoryOptions {
  readonly seed: number
  readonly sabotage?: Sabotage
  /** Hears each thing that happens, with its virtual millisecond. */
  readonly trace?: (line: string) => void
}

export interface HistoryReport {
  readonly seed: number
  /** The same for the same seed and the same code. */
  readonly hash: string
  readonly batches: number
  readonly events: number
  /** What went wrong on purpose, by name. */
  readonly counts: ReadonlyMap<string, number>
  /** null where everything holds. */
  readonly violation: string | null
}

interface Plan {
  readonly input: InputPlan
  readonly owners: readonly OwnerPlan[]
  readonly stormMs: number
  /** Faults that no request draws: processes that die, stand still or are renewed, and stores that are away. */
  readonly strikes: number
  readonly carts: boolean
  /** When somebody has the OLAP made anew, virtual milliseconds; whoever is asked may still be about the one before, and so may another. */
  readonly rebuildsAt: readonly number[]
}

/** Time in which everything has to come to rest once the storm is over. */
const restMsMax = 600_000
const lookMs = 250

/** One history of the whole pump: what it is and what goes wrong in it is drawn from the seed. */
export async function runHistory(options: HistoryOptions): Promise<HistoryReport> {
  // It would end the product's process.
  const unhandled = (error: unknown): void => {
    world.violated(`a promise was rejected and nobody heard of it: ${String(error)}`)
  }
  const world = new World(options.seed, options.trace ?? null)
  process.on('unhandledRejection', unhandled)
  try {
    return await happen(world, options)
  } finally {
    process.off('unhandledRejection', unhandled)
  }
}

async function happen(world: World, { seed, sabotage }: HistoryOptions): Promise<HistoryReport> {
  const plan = planOf(world)
  world.note(JSON.stringify(plan))
  const weather = new Weather(world, climateOf(world))
  const input = makeInput(world.choices, plan.input)
  const stores = makeStores(world, { partitions: plan.input.partitions, sabotage: sabotage ?? null })
  if (plan.carts) stores.oltp.tables.automations.push({ workspace: 1, automation: abandonedCart, settings: JSON.stringify({ ...defaultCartSettings, enabled: true }), updatedAt: beginMs })
  for (const { at, partition, items } of input.deliveries) {
    world.after(at, () => {
      world.note(`${items.length} events come to partition ${partition}`)
      stores.log.append(partition, items.map(({ line }) => line(beginMs + world.now)).join(''), items.length)
    })
  }
  const owners = plan.owners.map((one, index) => new Owner(`owner${index + 1}`, { world, weather, stores, plan: one }))
  for (let strike = 0; strike < plan.strikes; strike += 1) world.after(world.choices.below(plan.stormMs), () => strikeAt(world, { weather, owners, stores }))
  for (const at of plan.rebuildsAt) world.after(at, () => rebuild(world, owners))
  await world.runUntil(plan.stormMs)
  weather.end()
  await comeToRest(world, stores, plan)
  await endAll(world, weather, owners)
  if (world.violations.length === 0) await checkAtRest(world, { stores, input, plan: plan.input })
  const { tables } = stores.oltp
  return {
    seed, hash: world.hash, events: input.items.length, violation: world.violations[0] ?? null, counts: world.counts,
    batches: [...tables.partitions.values()].reduce((sum, { batch }) => sum + batch, 0),
  }
}

function planOf(world: World): Plan {
  const plan = usualPlan(world)
  return world.choices.chance(0.02) ? longAgo(plan) : plan
}

/** Much at once, of so many months that no single insert may carry it. */
function longAgo(plan: Plan): Plan {
  const owners = plan.owners.map((owner) => ({ ...owner, bounds: { ...owner.bounds, batchEventsMax: 300, loadRowsMax: 1_000, loadDelayMs: 3_000 } }))
  return { ...plan, owners, input: { ...plan.input, partitions: 1, items: 300, days: 4_000, withinMs: 500 } }
}

function usualPlan({ choices }: World): Plan {
  const slots = choices.of([1, 1, 2, 2, 3])
  const shared = slots > 1 || choices.chance(0.5)
  const apart = slots > 1 && choices.chance(0.25)
  const partitions = 1 + choices.below(3)
  const bounds = {
    batchEventsMax: choices.of([1, 1, 2, 3, 5, 20]), objectBytesMax: choices.of([1, 2_000, 5_000, 1_000_000]), objectDelayMs: choices.of([200, 500, 1_000, 3_000]),
    loadRowsMax: choices.of([1, 5, 20, 1_000]), loadDelayMs: choices.of([200, 500, 1_000, 3_000]), bufferBytesMax: choices.of([1, 3_000, 1_000_000]),
    duplicateWindowDays: 30, shared,
  }
  const stormMs = choices.of([2_000, 5_000, 10_000, 20_000])
  return {
    owners: Array.from({ length: slots }, (_, index) => ({ bounds, roles: apart ? [index === 0 ? 'pump' : 'load'] : ['pump', 'load'] })),
    input: {
      partitions, items: 10 + choices.below(110), withinMs: choices.of([500, 2_000, stormMs]), people: choices.of([2, 5, 20]), days: choices.of([1, 60, 600, 4_000]),
      again: choices.of([0, 5, 20, 50]), refused: choices.of([0, 0, 0, 0, 3]), conflicts: choices.chance(0.1),
    },
    stormMs, strikes: choices.of([0, 1, 3, 6, 12]), carts: choices.chance(0.3), rebuildsAt: choices.chance(0.25) ? Array.from({ length: choices.of([1, 2, 4]) }, () => choices.below(stormMs)) : [],
  }
}

function strikeAt(world: World, { weather, owners, stores }: { readonly weather: Weather; readonly owners: readonly Owner[]; readonly stores: Stores }): void {
  const { choices } = world
  const owner = choices.of(owners)
  const kind = choices.of(['death', 'death', 'standstill', 'standstill', 'renewal', 'away', 'trim', 'restart'])
  if (kind === 'death') owner.machine.die('struck')
  else if (kind === 'standstill') owner.machine.standStill(weather.standstill())
  else if (kind === 'renewal') void owner.renew()
  else if (kind === 'away') weather.takeAway(choices.of(['oltp', 'objects', 'olap', 'log']), choices.of([50, 1_000, 8_000]))
  else if (kind === 'restart') {
    weather.takeAway('oltp', choices.of([10, 1_000]))
    stores.oltp.rollBackAll()
  }
  for (let partition = 0; partition < stores.log.partitions; partition += 1) stores.log.trim(partition)
}

/** As an operator asks for it: it may be refused, and whoever does it may die of it. */
function rebuild(world: World, owners: readonly Owner[]): void {
  const { machine, service } = world.choices.of(owners)
  const told = (what: string): void => world.note(`${machine.name}: the rebuild ${what}`)
  told('is asked for')
  void service?.rebuildOlap().then(() => {
    told('is done')
    world.count('rebuilds of the OLAP')
  }, (error: unknown) => told(`failed: ${String(error)}`))
}

async function comeToRest(world: World, stores: Stores, { input }: Plan): Promise<void> {
  let rested = false
  const look = (): void => {
    rested = isAtRest(stores)
    if (!rested) world.after(lookMs, look)
  }
  look()
  await world.runUntil(world.now + restMsMax, () => rested)
  if (world.violations.length > 0 || rested) return
  const { partitions, consumers } = stores.oltp.tables
  const left = Array.from({ length: input.partitions }, (_, partition) =>
    ({ ...partitions.get(partition), head: stores.log.partition(partition).records.at(-1)?.position, consumed: consumers.get(partition)?.batch }))
  world.violated(`after ${restMsMax / 1_000} calm seconds there is still something to do: ${JSON.stringify(left)}`)
}

function isAtRest({ oltp: { tables }, log }: Stores): boolean {
  return Array.from({ length: log.partitions }, (_, partition) => partition).every((partition) => {
    const row = tables.partitions.get(partition)
    const head = log.partition(partition).records.at(-1)?.position ?? null
    return row !== undefined && row.position === head && row.archivedBatch === row.batch && row.loadedBatch === row.batch && tables.consumers.get(partition)?.batch === row.batch
  })
}

/** Late requests land, and everybody stops in order. */
async function endAll(world: World, weather: Weather, owners: readonly Owner[]): Promise<void> {
  await world.runUntil(world.now + 60_000, () => !weather.isExpecting && owners.every(({ machine }) => machine.stoppedUntil <= world.now))
  await world.runUntil(world.now + 1_000)
  if (world.violations.length > 0) return
  let ended = 0
  for (const owner of owners) void owner.end().then(() => {
    ended += 1
  })
  await world.runUntil(world.now + 120_000, () => ended === owners.length)
  if (ended < owners.length) world.violated(`${owners.length - ended} processes do not stop`)
}
