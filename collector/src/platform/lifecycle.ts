/** What has been started, to be ended in the opposite order; each once, and one failure keeps no other from ending. */
export class Lifecycle {
  readonly #ends: (() => Promise<void>)[] = []
  #closing: Promise<void> | null = null

  add(end: () => Promise<void>): void {
    this.#ends.push(end)
  }

  close(): Promise<void> {
    this.#closing ??= this.#closeAll()
    return this.#closing
  }

  async #closeAll(): Promise<void> {
    const failures: unknown[] = []
    for (const end of this.#ends.toReversed()) {
      try {
        await end()
      } catch (error) {
        failures.push(error)
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, 'not everything ended cleanly')
  }
}
