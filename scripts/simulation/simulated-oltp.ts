import type { AutomationStore } from '../../collector/src/ports/automation-store.ts'
import type { ErasureStore } from '../../collector/src/ports/erasure-store.ts'
import type { DecidedPointing, IdentityOverride, IdentityPointing } from '../../collector/src/ports/identity.ts'
import { generationAfter, type GenerationSwap, generationSetting, newestGenerationSetting, type NewGeneration } from '../../collector/src/ports/generation-setting.ts'
import type { LoadOutcome } from '../../collector/src/ports/load-outcome.ts'
import {
  type BatchRow, type Claimed, type DecideTransaction, type Fence, type LoadRow, type MemberRow, type ObjectRow, type Oltp, type PartitionRole, type PartitionRow, partitionRoles,
  type RebuiltPeople, type SegmentRow, type WorkspaceRow,
} from '../../collector/src/ports/oltp.ts'
import { eventPeriodMs } from '../../collector/src/stores/oltp/event-period.ts'
import { epochOf, plannedAlready, requireEpoch } from '../../collector/src/stores/oltp/fence.ts'
import { notSimulated } from './not-simulated.ts'
import { simulatedAutomations } from './oltp-automations.ts'
import { SimulatedDecideTransaction } from './oltp-decide.ts'
import type { OltpServer } from './oltp-server.ts'
import { OltpSession } from './oltp-session.ts'
import type { OltpTables } from './oltp-tables.ts'
import type { Link } from './request.ts'

/** The OLTP port as the MySQL driver keeps it, statement by statement, over a database in memory. */
export class SimulatedOltp implements Oltp {
  readonly automations: AutomationStore
  readonly erasures: ErasureStore
  readonly #session: OltpSession
  readonly #tables: OltpTables

  constructor(link: Link, server: OltpServer) {
    this.#session = new OltpSession(link, server)
    this.#tables = server.tables
    this.automations = simulatedAutomations(this.#session)
    this.erasures = {
      openErasures: async () => [], collectErasure: notSimulated, replaceObject: notSimulated, scrub: notSimulated, finishErasure: notSimulated,
    }
  }

  async migrate(): Promise<void> {}

  readonly restoreSettings = notSimulated<void>

  setting(name: string): Promise<string | null> {
    return this.#session.statement('setting', () => this.#tables.settings.get(name) ?? null)
  }

  settingOnce(name: string, value: string): Promise<string> {
    return this.#session.statement('settingOnce', () => {
      const found = this.#tables.settings.get(name) ?? value
      this.#tables.settings.set(name, found)
      return found
    })
  }

  setSetting(name: string, value: string): Promise<void> {
    return this.#session.statement('setSetting', () => {
      this.#tables.settings.set(name, value)
    })
  }

  newGeneration(): Promise<NewGeneration> {
    return this.#session.statement('newGeneration', () => {
      const { settings } = this.#tables
      const given = generationAfter(settings.get(generationSetting) ?? null, settings.get(newestGenerationSetting) ?? null)
      settings.set(newestGenerationSetting, String(given.generation))
      return given
    })
  }

  swapGeneration(fences: readonly Fence[], { generation, refusals }: GenerationSwap): Promise<void> {
    const { server } = this.#session
    return this.#session.transaction('swapGeneration', (transaction) => this.#session.step(transaction, 'swapGeneration', async () => {
      for (const fence of fences.toSorted((a, b) => a.partition - b.partition)) {
        await server.lock(transaction, `partition ${fence.partition}`)
        if (server.sabotage !== 'no-fencing') requireEpoch(this.#tables.partition(fence.partition), fence)
      }
      transaction.writes.push(() => {
        this.#tables.settings.set(generationSetting, String(generation))
        this.#tables.refusals.clear()
        for (const refusal of refusals) this.#tables.refusals.set(`${refusal.partition}/${refusal.load}`, refusal)
      })
    }))
  }

  heartbeat({ member, roles }: MemberRow, aliveMs: number): Promise<readonly MemberRow[]> {
    const { members } = this.#tables
    const { world } = this.#session.server
    return this.#session.statement('heartbeat', () => {
      members.set(member, { roles: roles.join(','), seenAt: world.now })
      for (const [name, { seenAt }] of members) if (seenAt <= world.now - aliveMs) members.delete(name)
      return [...members].toSorted(([a], [b]) => (a < b ? -1 : 1))
        .map(([name, row]) => ({ member: name, roles: partitionRoles.filter((role) => row.roles.split(',').includes(role)) }))
    })
  }

  leave(member: string): Promise<void> {
    return this.#session.statement('leave', () => {
      this.#tables.members.delete(member)
    })
  }

  claimPartition(partition: number, role: PartitionRole): Promise<Claimed> {
    const { server } = this.#session
    return this.#session.transaction('claimPartition', (transaction) => this.#session.step(transaction, 'claimPartition', async () => {
      await server.lock(transaction, `partition ${partition}`)
      const before = this.#tables.partitions.get(partition) ?? emptyPartition(partition)
      const row = role === 'pump' ? { ...before, pumpEpoch: before.pumpEpoch + 1 } : { ...before, loadEpoch: before.loadEpoch + 1 }
      transaction.writes.push(() => this.#tables.partitions.set(partition, row))
      return { row, fence: { partition, role, epoch: epochOf(row, role) } }
    }))
  }

  partition(partition: number): Promise<PartitionRow> {
    return this.#session.statement('partition', () => this.#tables.partition(partition))
  }

  decide<T>(fence: Fence, work: (transaction: DecideTransaction) => Promise<T>): Promise<T> {
    return this.#session.fenced(fence, 'decide', (transaction, row) => work(new SimulatedDecideTransaction(this.#session, transaction, row)))
  }

  batches(partition: number, firstBatch: number, limit: number): Promise<readonly BatchRow[]> {
    return this.#session.statement('batches', () => this.#tables.batchesOf(partition).slice(firstBatch - 1, firstBatch - 1 + limit))
  }

  planObject(fence: Fence, row: ObjectRow): Promise<void> {
    return this.#write(fence, 'planObject', () => {
      const objects = this.#tables.objectsOf(row.partition)
      if (objects.some(({ lastBatch }) => lastBatch >= row.firstBatch)) throw plannedAlready(row.partition, row.firstBatch)
      return () => {
        objects.push(row)
        objects.sort((a, b) => a.lastBatch - b.lastBatch)
      }
    })
  }

  finishObject(fence: Fence, { partition, lastBatch }: ObjectRow, archivedAt: number): Promise<void> {
    return this.#write(fence, 'finishObject', () => () => {
      const objects = this.#tables.objectsOf(partition)
      for (const [at, row] of objects.entries()) if (row.lastBatch === lastBatch) objects[at] = { ...row, archivedAt }
      const before = this.#tables.partition(partition)
      this.#tables.partitions.set(partition, { ...before, archivedBatch: Math.max(before.archivedBatch, lastBatch) })
    })
  }

  openObject(partition: number): Promise<ObjectRow | null> {
    return this.#session.statement('openObject', () => {
      const { archivedBatch } = this.#tables.partition(partition)
      return this.#tables.objectsOf(partition).find(({ lastBatch }) => lastBatch > archivedBatch) ?? null
    })
  }

  objectOf(partition: number, batch: number): Promise<ObjectRow | null> {
    return this.#session.statement('objectOf', () =>
      this.#tables.objectsOf(partition).find(({ firstBatch, lastBatch }) => lastBatch >= batch && firstBatch <= batch) ?? null)
  }

  requireOwned(fence: Fence): Promise<void> {
    return this.#write(fence, 'requireOwned', () => () => {})
  }

  planLoads(fence: Fence, rows: readonly LoadRow[]): Promise<void> {
    return this.#write(fence, 'planLoads', () => {
      const { partition } = fence
      const loads = this.#tables.loadsOf(partition)
      for (const { firstBatch } of rows) if (loads.some(({ lastBatch }) => lastBatch >= firstBatch)) throw plannedAlready(partition, firstBatch)
      return () => {
        loads.push(...rows)
        loads.sort((a, b) => a.load - b.load)
        const before = this.#tables.partition(partition)
        this.#tables.partitions.set(partition, { ...before, load: Math.max(before.load, ...rows.map(({ load }) => load)) })
      }
    })
  }

  finishLoad(fence: Fence, { partition, load, closesRun, lastBatch }: LoadRow, { rows, refusal, loadedAt }: LoadOutcome): Promise<void> {
    return this.#write(fence, 'finishLoad', () => () => {
      if (refusal !== null) this.#tables.refusals.set(`${partition}/${load}`, refusal)
      const loads = this.#tables.loadsOf(partition)
      for (const [at, row] of loads.entries()) if (row.load === load) loads[at] = { ...row, rows, loadedAt }
      const before = this.#tables.partition(partition)
      if (closesRun) this.#tables.partitions.set(partition, { ...before, loadedBatch: Math.max(before.loadedBatch, lastBatch) })
    })
  }

  openLoads(partition: number): Promise<readonly LoadRow[]> {
    return this.#session.statement('openLoads', () => {
      const { loadedBatch } = this.#tables.partition(partition)
      return this.#tables.loadsOf(partition).filter((row) => row.lastBatch > loadedBatch && row.loadedAt === null)
    })
  }

  loads(partition: number, firstLoad: number, limit: number): Promise<readonly LoadRow[]> {
    return this.#session.statement('loads', () => this.#tables.loadsOf(partition).filter(({ load }) => load >= firstLoad).slice(0, limit))
  }

  overridesOf(partition: number, firstBatch: number, lastBatch: number): Promise<readonly IdentityOverride[]> {
    return this.#session.statement('overridesOf', () => between(this.#tables.feedsOf(partition).overrides, firstBatch, lastBatch))
  }

  overrides(after: IdentityOverride | null, limit: number): Promise<readonly IdentityOverride[]> {
    return this.#session.statement('overrides', () => {
      const latest = new Map(this.#tables.identity.overrides.map((row) => [idOf(row), row]))
      return pageOf([...latest.values()], after, limit)
    })
  }

  pointingsOf(partition: number, firstBatch: number, lastBatch: number): Promise<readonly DecidedPointing[]> {
    return this.#session.statement('pointingsOf', () => between(this.#tables.feedsOf(partition).pointings, firstBatch, lastBatch))
  }

  pointings(after: IdentityPointing | null, limit: number): Promise<readonly IdentityPointing[]> {
    return this.#session.statement('pointings', () => pageOf([...this.#tables.identity.identifierRows.values()]
      .map(({ workspace, key, profileId, version }) => ({ workspace, identifierKey: key, profileId, version })), after, limit))
  }

  async prune(partition: number, windowStart: number): Promise<void> {
    await this.#session.statement('prune claims', () => {
      for (const [id, { receivedAt, sourced }] of this.#tables.claims) {
        if (!sourced && (Math.floor(receivedAt / eventPeriodMs) + 1) * eventPeriodMs <= windowStart) this.#tables.claims.delete(id)
      }
    })
    const row = await this.partition(partition)
    const finished = Math.min(row.archivedBatch, row.loadedBatch)
    await this.#session.statement('prune decisions', () => {
      const batches = this.#tables.batchesOf(partition)
      for (const [at, batch] of batches.entries()) if (batch.batch <= finished && batch.decisions !== null) batches[at] = { ...batch, decisions: null }
    })
    await this.#session.statement('prune feeds', () => {
      const { overrides, pointings } = this.#tables.feedsOf(partition)
      for (const feed of [overrides, pointings]) for (const batch of feed.keys()) if (batch <= row.loadedBatch) feed.delete(batch)
    })
  }

  async close(): Promise<void> {}

  readonly rebuildProfiles = notSimulated<RebuiltPeople>
  readonly createWorkspace = notSimulated<WorkspaceRow>
  readonly putSegment = notSimulated<SegmentRow>
  readonly addSegments = notSimulated<void>
  readonly putKey = notSimulated<void>
  readonly limitKey = notSimulated<boolean>
  readonly revokeKey = notSimulated<boolean>

  /** One write in a fenced transaction; `check` fails where it cannot be made. */
  #write(fence: Fence, name: string, check: () => () => void): Promise<void> {
    return this.#session.fenced(fence, name, (transaction) => this.#session.step(transaction, name, () => {
      transaction.writes.push(check())
    }))
  }
}

function emptyPartition(partition: number): PartitionRow {
  return { partition, pumpEpoch: 0, loadEpoch: 0, position: null, sequence: null, batch: 0, archivedBatch: 0, loadedBatch: 0, load: 0 }
}

function between<T>(feed: ReadonlyMap<number, readonly T[]>, first: number, last: number): readonly T[] {
  return [...feed].filter(([batch]) => batch >= first && batch <= last).toSorted(([a], [b]) => a - b).flatMap(([, rows]) => rows)
}

function idOf({ workspace, identifierKey }: IdentityOverride): string {
  return `${String(workspace).padStart(10, '0')}/${identifierKey}`
}

function pageOf<T extends IdentityOverride>(rows: readonly T[], after: IdentityOverride | null, limit: number): readonly T[] {
  const rest = after === null ? rows : rows.filter((row) => idOf(row) > idOf(after))
  return rest.toSorted((a, b) => (idOf(a) < idOf(b) ? -1 : 1)).slice(0, limit)
}
