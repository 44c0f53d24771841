/** What a process that ends by itself waits for, once each. */
const pending = new Set<() => Promise<void>>()
let listening = false

/** One listener for all clients: one for each would trip Node's leak warning at the eleventh. */
function flushAll(): void {
  const flushes = [...pending]
  pending.clear()
  // Never rejects: each is a client's own.
  void Promise.all(flushes.map((flush) => flush()))
}

/**
 * Runs `flush` when the event loop of this process, or of this worker thread, has nothing left to do. It may hold the
 * process for a while. Signals and `process.exit` are the host's.
 */
export function flushAtExit(flush: () => Promise<void>): void {
  pending.add(flush)
  if (listening) return
  listening = true
  process.on('beforeExit', flushAll)
}

export function forgetAtExit(flush: () => Promise<void>): void {
  pending.delete(flush)
}
