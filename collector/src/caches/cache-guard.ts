export interface CacheGuardSettings {
  /** Named in warnings, such as `redis at cache.internal:6379`. */
  readonly engine: string
  /** How long a reader waits for the engine before it goes on without. */
  readonly timeoutMs: number
  readonly warn: (message: string) => void
  readonly now: () => number
}

/** After a failure nobody asks for so long: a hung engine costs one reader its wait, not each of them. */
const restMs = 250
/** More at once means that the engine is behind; what is over goes on without it. */
const underWayMax = 512
const warningEveryMs = 60_000

/**
 * Keeps a cache in front of reads from ever failing or delaying one. Whatever the engine does, `attempt` resolves within
 * the time-out. Failures are counted, and said at most once a minute.
 */
export class CacheGuard {
  readonly #settings: CacheGuardSettings
  #underWay = 0
  #restUntilMs = Number.NEGATIVE_INFINITY
  #warnedMs = Number.NEGATIVE_INFINITY
  #missed = 0

  constructor(settings: CacheGuardSettings) {
    this.#settings = settings
  }

  /** What `work` gives, or `instead` where the engine is away, slow, behind or refuses. */
  async attempt<T>(work: () => Promise<T>, instead: T): Promise<T> {
    if (this.#underWay >= underWayMax || this.#settings.now() < this.#restUntilMs) {
      this.#missed += 1
      return instead
    }
    this.#underWay += 1
    try {
      return await within(this.#settings.timeoutMs, work)
    } catch (error) {
      this.#restUntilMs = this.#settings.now() + restMs
      this.failed(error)
      return instead
    } finally {
      this.#underWay -= 1
    }
  }

  /** Also for what goes wrong between two calls, such as a lost connection. */
  failed(error: unknown): void {
    this.#missed += 1
    const { now, warn, engine } = this.#settings
    if (now() - this.#warnedMs < warningEveryMs) return
    this.#warnedMs = now()
    const calls = `${this.#missed} ${this.#missed === 1 ? 'call' : 'calls'}`
    warn(`the cache (${engine}) did not serve ${calls}; reads go on without it, only slower: ${reasonOf(error)}`)
    this.#missed = 0
  }
}

/** A refused connection to a name with several addresses has an empty message and its causes beside it. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return error.errors.map(reasonOf).join('; ')
  return error instanceof Error ? error.message : String(error)
}

async function within<T>(timeoutMs: number, work: () => Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs)
  })
  try {
    return await Promise.race([work(), late])
  } finally {
    clearTimeout(timer)
  }
}
