import { MillraceError } from '../../collector/src/platform/errors.ts'
import type { Fence, PartitionRow } from '../../collector/src/ports/oltp.ts'
import { requireEpoch } from '../../collector/src/stores/oltp/fence.ts'
import type { OltpServer, Transaction } from './oltp-server.ts'
import { type Link, send } from './request.ts'

/** One process's way to the database: statements, and transactions of several. */
export class OltpSession {
  readonly server: OltpServer
  readonly #link: Link

  constructor(link: Link, server: OltpServer) {
    this.#link = link
    this.server = server
  }

  /** A statement that is a transaction of its own. */
  statement<T>(name: string, perform: () => T | Promise<T>): Promise<T> {
    return send(this.#link, { store: 'oltp', name, perform, instead: { twice: 'done' } })
  }

  /** A statement of an open transaction. */
  step<T>(transaction: Transaction, name: string, perform: () => T | Promise<T>): Promise<T> {
    return send(this.#link, {
      store: 'oltp', name, instead: { twice: 'done', late: 'unknown' },
      perform: () => {
        this.server.requireOpen(transaction)
        return perform()
      },
    })
  }

  async transaction<T>(name: string, work: (transaction: Transaction) => Promise<T>): Promise<T> {
    const transaction = this.server.begin(this.#link.machine)
    let result: T
    try {
      result = await work(transaction)
    } catch (error) {
      await this.#rollBack(transaction, name)
      throw error
    }
    await send(this.#link, {
      store: 'oltp', name: `commit ${name}`, perform: () => this.server.commit(transaction), instead: { twice: 'done' }, weight: 4,
      missed: () => this.server.leave(transaction),
      lost: () => new MillraceError('outcome_unknown', 'the simulated database went away while it committed', { retryable: true }),
    })
    return result
  }

  /** A transaction that begins with the lock on the partition's row. */
  fenced<T>(fence: Fence, name: string, work: (transaction: Transaction, row: PartitionRow) => Promise<T>): Promise<T> {
    return this.transaction(name, async (transaction) => {
      const row = await this.step(transaction, `fence ${name}`, async () => {
        await this.server.lock(transaction, `partition ${fence.partition}`)
        const found = this.server.tables.partition(fence.partition)
        if (this.server.sabotage !== 'no-fencing') requireEpoch(found, fence)
        return found
      })
      return work(transaction, row)
    })
  }

  async #rollBack(transaction: Transaction, name: string): Promise<void> {
    const leave = (): void => this.server.leave(transaction)
    await send(this.#link, {
      store: 'oltp', name: `rollback ${name}`, perform: () => this.server.rollBack(transaction), instead: { twice: 'done', late: 'done' }, missed: leave,
    }).catch(leave)
  }
}
