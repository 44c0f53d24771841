import type { Sabotage } from './sabotage.ts'
import { Locks } from './locks.ts'
import type { Machine } from './machine.ts'
import { OltpTables } from './oltp-tables.ts'
import { away } from './request.ts'
import type { World } from './world.ts'

/** READ COMMITTED: what it writes is seen by nobody, itself included, until it commits. */
export class Transaction {
  readonly machine: Machine
  readonly writes: (() => void)[] = []
  open = true

  constructor(machine: Machine) {
    this.machine = machine
  }
}

/** How long a server may take to notice that a client is gone. */
const noticeMsMax = 3_000

/** The database itself: one for all processes of a history. It keeps what was committed, whoever dies. */
export class OltpServer {
  readonly world: World
  readonly tables = new OltpTables()
  readonly locks: Locks
  readonly sabotage: Sabotage | null
  readonly #open = new Set<Transaction>()
  readonly #known = new Set<Machine>()
  /** Looks at what a commit made true. */
  readonly #committed: () => void

  constructor(world: World, { sabotage, committed }: { readonly sabotage: Sabotage | null; readonly committed: () => void }) {
    this.world = world
    this.locks = new Locks(world)
    this.sabotage = sabotage
    this.#committed = committed
  }

  begin(machine: Machine): Transaction {
    if (!this.#known.has(machine)) {
      this.#known.add(machine)
      machine.onDeath(() => {
        this.#known.delete(machine)
        for (const transaction of this.#open) if (transaction.machine === machine) this.leave(transaction)
      })
    }
    const transaction = new Transaction(machine)
    this.#open.add(transaction)
    return transaction
  }

  /** The connection broke: the server ends the transaction when it notices. */
  leave(transaction: Transaction): void {
    this.world.after(this.world.delay(0, noticeMsMax), () => this.rollBack(transaction))
  }

  /** The server itself was restarted. */
  rollBackAll(): void {
    this.world.count('restarts of the database')
    for (const transaction of this.#open) this.rollBack(transaction)
  }

  rollBack(transaction: Transaction): void {
    if (!transaction.open) return
    if (this.sabotage === 'torn-commit') this.#write(transaction.writes.slice(0, transaction.writes.length >>> 1))
    this.#end(transaction)
  }

  commit(transaction: Transaction): void {
    this.requireOpen(transaction)
    this.#write(transaction.writes)
    this.#end(transaction)
    this.#committed()
  }

  requireOpen(transaction: Transaction): void {
    if (!transaction.open) throw away('oltp')
  }

  /** Of a row, for the rest of the transaction. */
  async lock(transaction: Transaction, row: string): Promise<void> {
    this.requireOpen(transaction)
    if (this.sabotage === 'no-row-locks') return
    await this.locks.take(transaction, row)
    // It may have ended while it waited.
    if (transaction.open) return
    this.locks.release(transaction)
    throw away('oltp')
  }

  #write(writes: readonly (() => void)[]): void {
    for (const write of writes) write()
  }

  #end(transaction: Transaction): void {
    transaction.open = false
    this.#open.delete(transaction)
    this.locks.release(transaction)
  }
}
