import type { Clock } from '../platform/clock.ts'
import { hasCode, messageOf } from '../platform/errors.ts'
import type { Logger } from '../platform/logger.ts'
import type { MemberRow, Oltp, PartitionRole } from '../ports/oltp.ts'
import { assignPartitions } from './assignment.ts'
import type { PartitionPump } from './partition-pump.ts'

export type OwnedPump = Pick<PartitionPump, 'start' | 'stop' | 'pauseLoads' | 'resumeLoads'>

export interface OwnerDependencies {
  readonly oltp: Pick<Oltp, 'heartbeat' | 'leave'>
  readonly clock: Clock
  readonly logger: Logger
  readonly makePump: (partition: number) => OwnedPump
}

export interface OwnerSettings {
  /** Of this process; fresh at each start. */
  readonly member: MemberRow
  readonly partitions: number
  /** False where the engines are inside this process: then nobody else can own anything. */
  readonly shared: boolean
}

interface Owned {
  readonly pump: OwnedPump
  readonly roles: readonly PartitionRole[]
}

const heartbeatMs = 2_000
/** A member that is silent for longer is dead to the others: its partitions have moved within 8 seconds. */
const aliveMs = 6_000

/** Runs the pumps of the partitions that this process owns, alone or beside others that share them. */
export class PartitionOwner {
  readonly #dependencies: OwnerDependencies
  readonly #settings: OwnerSettings
  readonly #failed: (error: unknown) => void
  readonly #owned = new Map<number, Owned>()
  readonly #stop = new AbortController()
  #beating: Promise<void> = Promise.resolve()

  /** `failed` hears of an error that this process cannot get over. */
  constructor(dependencies: OwnerDependencies, settings: OwnerSettings, failed: (error: unknown) => void) {
    this.#dependencies = dependencies
    this.#settings = settings
    this.#failed = failed
  }

  async start(): Promise<void> {
    const { shared, member, partitions } = this.#settings
    if (!shared) {
      await this.#assume(Array.from({ length: partitions }, (_, partition) => [partition, member.roles]))
      return
    }
    await this.#beat()
    this.#beating = this.#beatOn()
  }

  async stop(): Promise<void> {
    this.#stop.abort()
    await this.#beating
    await Promise.all([...this.#owned.values()].map(({ pump }) => pump.stop()))
    if (this.#settings.shared) await this.#dependencies.oltp.leave(this.#settings.member.member).catch(() => undefined)
  }

  /**
   * The pumps that load, if they are all there are: whoever pauses all loads must own all of them. Waits for as long as a
   * process that died counts as alive; null if others load after that too.
   */
  async allLoads(): Promise<readonly OwnedPump[] | null> {
    const { clock } = this.#dependencies
    const { partitions, shared } = this.#settings
    const until = clock.elapsed() + aliveMs + 2 * heartbeatMs
    for (;;) {
      const loading = [...this.#owned.values()].filter(({ roles }) => roles.includes('load'))
      if (loading.length === partitions) return loading.map(({ pump }) => pump)
      if (!shared || this.#stop.signal.aborted || clock.elapsed() >= until) return null
      await clock.sleep(heartbeatMs, this.#stop.signal)
    }
  }

  async #beatOn(): Promise<void> {
    const { clock, logger } = this.#dependencies
    while (!this.#stop.signal.aborted) {
      await clock.sleep(heartbeatMs, this.#stop.signal)
      if (this.#stop.signal.aborted) return
      // What it owns it keeps while the database is away: nobody else can claim anything there either.
      await this.#beat().catch((error: unknown) => logger.warn('no heartbeat', { error: messageOf(error) }))
    }
  }

  async #beat(): Promise<void> {
    const { member, partitions } = this.#settings
    const members = await this.#dependencies.oltp.heartbeat(member, aliveMs)
    const wanted = assignPartitions(member.member, members, partitions)
    const leaving = [...this.#owned].filter(([partition, { roles }]) => wanted.get(partition)?.join() !== roles.join())
    await Promise.all(leaving.map(async ([partition, { pump }]) => {
      this.#owned.delete(partition)
      await pump.stop()
    }))
    await this.#assume([...wanted].filter(([partition]) => !this.#owned.has(partition)))
  }

  async #assume(list: readonly (readonly [number, readonly PartitionRole[]])[]): Promise<void> {
    const started = await Promise.allSettled(list.map(async ([partition, roles]) => {
      const pump = this.#dependencies.makePump(partition)
      this.#owned.set(partition, { pump, roles })
      try {
        await pump.start(roles, (error) => this.#lost(partition, pump, error))
      } catch (error) {
        // Not owned: the next heartbeat tries again.
        this.#owned.delete(partition)
        throw error
      }
    }))
    for (const each of started) if (each.status === 'rejected') throw each.reason
  }

  #lost(partition: number, pump: OwnedPump, error: unknown): void {
    const overtaken = hasCode(error, 'epoch_lost')
    if (!this.#settings.shared || !overtaken) {
      this.#failed(error)
      return
    }
    // Somebody else claimed it; the next heartbeat tells whether that was right.
    if (this.#owned.get(partition)?.pump === pump) this.#owned.delete(partition)
    this.#dependencies.logger.info('a partition went to another process', { partition })
  }
}
