import { vi } from 'vitest'

/** Sends what waits, where time only goes on when a test says so. */
export async function flushed(client: { flush(): Promise<void> }): Promise<void> {
  const done = client.flush()
  await vi.advanceTimersByTimeAsync(1_000)
  await done
}
