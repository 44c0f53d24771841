/** Wakes whoever waits; a wake while nobody waits is remembered, so none is lost. */
export class Signal {
  #pending = false
  #resolve: (() => void) | null = null

  wake(): void {
    this.#pending = true
    this.#resolve?.()
  }

  /** Resolves at the next wake, or after `timeoutMs`. */
  async wait(timeoutMs: number): Promise<void> {
    if (!this.#pending) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, timeoutMs)
        this.#resolve = () => {
          clearTimeout(timer)
          resolve()
        }
      })
      this.#resolve = null
    }
    this.#pending = false
  }
}
