import { MillraceError } from '../../collector/src/platform/errors.ts'
import type { Suppression } from '../../collector/src/ports/erasure-store.ts'
import type { Component, EdgeEnds, EdgeRow, IdentifierRow, ProfileRow } from '../../collector/src/ports/identity.ts'
import type { DecideChanges, DecideTransaction, EventRef, PartitionRow } from '../../collector/src/ports/oltp.ts'
import type { ResolveRow, SettingsRow } from '../../collector/src/ports/workspace-settings.ts'
import { notSimulated } from './not-simulated.ts'
import type { Transaction } from './oltp-server.ts'
import type { OltpSession } from './oltp-session.ts'
import { claimId } from './oltp-tables.ts'

const readsMax = 10

function taken(what: string): MillraceError {
  return new MillraceError('unavailable', `another transaction was first with ${what}`, { retryable: true })
}

/**
 * As the MySQL driver does it: identifiers that are read are locked in the order of their keys, and with them the rest of their
 * components; one that was absent must be absent still when it is written.
 */
export class SimulatedDecideTransaction implements DecideTransaction {
  readonly partition: PartitionRow
  readonly #session: OltpSession
  readonly #transaction: Transaction
  /** What was read: true where it was there. */
  readonly #read = new Map<string, boolean>()

  constructor(session: OltpSession, transaction: Transaction, partition: PartitionRow) {
    this.#session = session
    this.#transaction = transaction
    this.partition = partition
  }

  claimed(refs: readonly EventRef[]): Promise<readonly boolean[]> {
    const { tables, sabotage } = this.#session.server
    return this.#step('claimed', () => refs.map((ref) => sabotage !== 'no-duplicate-check' && tables.claims.has(claimId(ref))))
  }

  suppresses(): Promise<boolean> {
    return this.#step('suppresses', () => false)
  }

  async suppressions(): Promise<ReadonlyMap<string, Suppression>> {
    return new Map()
  }

  readonly waitForOthers = notSimulated<void>
  readonly identifiersAfter = notSimulated<readonly IdentifierRow[]>
  readonly moveResolve = notSimulated<void>

  newestSettings(): Promise<readonly SettingsRow[]> {
    return this.#step('newestSettings', () => [])
  }

  openResolve(): Promise<ResolveRow | null> {
    return this.#step('openResolve', () => null)
  }

  registers(workspace: number, identifierKeys: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const { tables } = this.#session.server
    return this.#step('registers', () => new Map(identifierKeys.flatMap((key) => {
      const row = tables.registers.get(`${workspace}/${key}`)
      return row === undefined ? [] : [[key, row] as const]
    })))
  }

  identifiers(workspace: number, keys: readonly string[]): Promise<readonly IdentifierRow[]> {
    const { server } = this.#session
    const { identity } = server.tables
    return this.#step('identifiers', async () => {
      const found: IdentifierRow[] = []
      for (const key of keys.toSorted()) {
        this.#read.set(key, false)
        if (!identity.identifierRows.has(key)) continue
        await server.lock(this.#transaction, `identifier ${key}`)
        this.#read.set(key, true)
        for (const row of await identity.identifiers(workspace, [key])) found.push(row)
      }
      return found
    })
  }

  edges(workspace: number, ends: readonly EdgeEnds[]): Promise<readonly EdgeRow[]> {
    return this.#step('edges', () => this.#session.server.tables.identity.edges(workspace, ends))
  }

  components(workspace: number, labels: readonly string[]): Promise<Component> {
    const { server } = this.#session
    return this.#step('components', async () => {
      let before = ''
      for (let read = 0; read < readsMax; read += 1) {
        const component = await server.tables.identity.components(workspace, labels)
        const keys = component.identifiers.map(({ key }) => key).toSorted()
        if (read > 0 && keys.join() === before) return this.#knowing(component)
        before = keys.join()
        for (const key of keys) await server.lock(this.#transaction, `identifier ${key}`)
      }
      throw new MillraceError('unavailable', 'other partitions keep adding to the same people', { retryable: true })
    })
  }

  edgesOf(workspace: number, keys: readonly string[]): Promise<readonly EdgeRow[]> {
    return this.#step('edgesOf', () => this.#session.server.tables.identity.edgesOf(workspace, keys))
  }

  /** Locks each: what is added to a profile that is not read further is added to it alone. */
  profiles(workspace: number, ids: readonly string[]): Promise<readonly ProfileRow[]> {
    const { server } = this.#session
    return this.#step('profiles', async () => {
      const { identity } = server.tables
      for (const { id } of (await identity.profiles(workspace, ids)).toSorted((a, b) => (a.id < b.id ? -1 : 1))) if (ids.includes(id)) await server.lock(this.#transaction, `profile ${id}`)
      return identity.profiles(workspace, ids)
    })
  }

  apply(changes: DecideChanges): Promise<void> {
    const { server } = this.#session
    const { tables } = server
    return this.#step('apply', async () => {
      for (const claim of changes.claims.toSorted((a, b) => (claimId(a) < claimId(b) ? -1 : 1))) {
        await server.lock(this.#transaction, `claim ${claimId(claim)}`)
        if (tables.claims.has(claimId(claim)) && server.sabotage !== 'no-duplicate-check') throw taken(`the message id ${claim.messageId}`)
      }
      for (const { key } of changes.identity.identifiers.toSorted((a, b) => (a.key < b.key ? -1 : 1))) {
        if (this.#read.get(key) === true) continue
        await server.lock(this.#transaction, `identifier ${key}`)
        if (tables.identity.identifierRows.has(key) && server.sabotage !== 'no-row-locks') throw taken('an identifier')
      }
      const { batch } = changes
      if (tables.batchesOf(batch.partition)[batch.batch - 1] !== undefined) throw new MillraceError('internal', `batch ${batch.batch} is there already`)
      this.#transaction.writes.push(...tables.writesOf(changes))
    })
  }

  /** One that was absent and is there now came while this transaction waited for a lock. */
  #knowing(component: Component): Component {
    for (const { key } of component.identifiers) {
      if (this.#read.get(key) === false && this.#session.server.sabotage !== 'no-row-locks') throw taken('an identifier')
      this.#read.set(key, true)
    }
    return component
  }

  #step<T>(name: string, perform: () => T | Promise<T>): Promise<T> {
    return this.#session.step(this.#transaction, name, perform)
  }
}
