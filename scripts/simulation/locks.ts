import { MillraceError } from '../../collector/src/platform/errors.ts'
import type { World } from './world.ts'

/** As the MySQL driver sets it. */
const waitMsMax = 5_000

interface Waiting {
  readonly holder: object
  grant(): void
  fail(error: MillraceError): void
}

interface Lock {
  holder: object
  readonly waiting: Waiting[]
}

/** Row locks: first come, first served, until the transaction ends; a wait that is too long fails, which also ends deadlocks. */
export class Locks {
  readonly #world: World
  readonly #locks = new Map<string, Lock>()

  constructor(world: World) {
    this.#world = world
  }

  async take(holder: object, row: string): Promise<void> {
    const lock = this.#locks.get(row)
    if (lock === undefined) this.#locks.set(row, { holder, waiting: [] })
    else if (lock.holder !== holder) await this.#wait(lock, holder, row)
  }

  /** Of a transaction that ended; what it still waits for fails. */
  release(holder: object): void {
    for (const [row, lock] of this.#locks) {
      const given = lock.waiting.filter((waiting) => waiting.holder === holder)
      for (const waiting of given) waiting.fail(new MillraceError('unavailable', 'the transaction ended', { retryable: true }))
      if (lock.holder !== holder) continue
      const next = lock.waiting.shift()
      if (next === undefined) {
        this.#locks.delete(row)
        continue
      }
      lock.holder = next.holder
      next.grant()
    }
  }

  #wait(lock: Lock, holder: object, row: string): Promise<void> {
    this.#world.note(`waits for ${row}`)
    return new Promise((resolve, reject) => {
      const waiting: Waiting = {
        holder,
        grant: () => {
          cancel()
          resolve()
        },
        fail: (error) => {
          cancel()
          lock.waiting.splice(lock.waiting.indexOf(waiting), 1)
          reject(error)
        },
      }
      const cancel = this.#world.after(waitMsMax, () => waiting.fail(new MillraceError('unavailable', `waited too long for ${row}`, { retryable: true })))
      lock.waiting.push(waiting)
    })
  }
}
