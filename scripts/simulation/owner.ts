import type { Logger } from '../../collector/src/platform/logger.ts'
import { MillraceError, messageOf } from '../../collector/src/platform/errors.ts'
import { defaultIdentitySettings } from '../../collector/src/identity/identity-settings.ts'
import { partitionRoles, type PartitionRole } from '../../collector/src/ports/oltp.ts'
import type { PumpReports } from '../../collector/src/pump/pump-metrics.ts'
import { type WorkerBounds, WorkerService } from '../../collector/src/pump/worker-service.ts'
import { Machine } from './machine.ts'
import type { Link } from './request.ts'
import { SimulatedLog } from './simulated-log.ts'
import { plainGzip, SimulatedObjects } from './simulated-objects.ts'
import { SimulatedOlap } from './simulated-olap.ts'
import { SimulatedOltp } from './simulated-oltp.ts'
import type { Stores } from './stores.ts'
import type { Weather } from './weather.ts'
import type { World } from './world.ts'

export const identityKey = Buffer.alloc(32, 7)

export interface OwnerPlan {
  readonly bounds: Omit<WorkerBounds, 'member'>
  readonly roles: readonly PartitionRole[]
}

/** Someone who runs the product's worker, and starts it again whenever it ends. */
export class Owner {
  readonly #name: string
  readonly #world: World
  readonly #weather: Weather
  readonly #stores: Stores
  readonly #plan: OwnerPlan
  #lives = 0
  #machine: Machine
  #service: WorkerService | null = null
  #ended = false

  constructor(name: string, { world, weather, stores, plan }: { readonly world: World; readonly weather: Weather; readonly stores: Stores; readonly plan: OwnerPlan }) {
    this.#name = name
    this.#world = world
    this.#weather = weather
    this.#stores = stores
    this.#plan = plan
    this.#machine = this.#live()
  }

  get machine(): Machine {
    return this.#machine
  }

  get service(): WorkerService | null {
    return this.#service
  }

  /** Ends in order, as for a new version, and starts again. */
  async renew(): Promise<void> {
    const machine = this.#machine
    const service = this.#service
    if (service === null || !machine.alive) return
    this.#world.note(`${machine.name} is asked to stop`)
    this.#world.count('processes renewed')
    this.#service = null
    await service.stop()
    machine.die('it was stopped')
  }

  /** Ends in order, for good. */
  async end(): Promise<void> {
    this.#ended = true
    await this.#service?.stop()
  }

  #live(): Machine {
    this.#lives += 1
    this.#world.count('processes started')
    const { choices } = this.#world
    const machine = new Machine(`${this.#name}.${this.#lives}`, this.#world, { skewMs: choices.below(20_000) - 10_000 })
    machine.onDeath(() => {
      this.#service = null
      if (!this.#ended) this.#world.after(1 + this.#world.delay(100, 5_000), () => {
        this.#machine = this.#live()
      })
    })
    void this.#run(machine, 1)
    return machine
  }

  /** As the worker's process does: an engine that is away is tried again, whatever else fails ends the process. */
  async #run(machine: Machine, attempt: number): Promise<void> {
    const service = this.#make({ machine, weather: this.#weather }, attempt)
    try {
      await service.start((error) => machine.die(messageOf(error)))
      if (machine.alive) this.#service = service
    } catch (error) {
      machine.world.note(`${machine.name} cannot start: ${messageOf(error)}`)
      await service.stop()
      if (!(error instanceof MillraceError && error.retryable)) {
        machine.die(messageOf(error))
        return
      }
      await machine.clock.sleep(1_000)
      if (!this.#ended) await this.#run(machine, attempt + 1)
    }
  }

  #make(link: Link, attempt: number): WorkerService {
    const { machine } = link
    const { clock } = machine
    const note = (message: string, details: Readonly<Record<string, unknown>> = {}): void => this.#world.note(`${machine.name} says ${message} ${JSON.stringify(details)}`)
    const logger: Logger = { error: note, warn: note, info: note, debug: note }
    const metrics: PumpReports = {
      decided: ({ row: { partition, batch } }) => note(`batch ${batch} of partition ${partition} is decided`), rowsRefused: ({ load, rows }) => note(`load ${load} goes without ${rows.length} rows`),
      clockJumped: () => note('the clock jumped'), decideRetried: (error) => note(`decide failed: ${String(error)}`), stepFailed: (step, error) => note(`${step} failed: ${String(error)}`),
    }
    const member = { member: `${this.#world.choices.below(1_000)}-${machine.name}.${attempt}`, roles: partitionRoles.filter((role) => this.#plan.roles.includes(role)) }
    return new WorkerService({
      oltp: new SimulatedOltp(link, this.#stores.oltp), log: new SimulatedLog(link, this.#stores.log), objects: new SimulatedObjects(link, this.#stores.objects),
      olap: new SimulatedOlap(link, this.#stores.olap), clock, logger, metrics, gzip: plainGzip,
      context: { settings: defaultIdentitySettings, identityKey, clock },
      automation: { start: async () => {}, stop: async () => {}, taken: () => {} },
    }, { ...this.#plan.bounds, member })
  }
}
