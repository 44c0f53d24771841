import { readFileSync, rmSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { uuidV7 } from '@millrace/schemas'
import { createEdgeApp, edgeDefaults } from '../../collector/src/edge/edge-app.ts'
import { EdgeMetrics } from '../../collector/src/edge/edge-metrics.ts'
import { hashKey, KeyRing } from '../../collector/src/edge/key-ring.ts'
import { listen } from '../../collector/src/edge/listen.ts'
import { gathererDefaults, RecordGatherer } from '../../collector/src/edge/record-gatherer.ts'
import { defaultIdentitySettings } from '../../collector/src/identity/identity-settings.ts'
import { openLogReader, openLogWriter } from '../../collector/src/log/embedded/embedded-log.ts'
import { systemClock } from '../../collector/src/platform/clock.ts'
import { noLimits } from '../../collector/src/ports/key.ts'

export interface EdgeReport {
  /** Events that the log holds. */
  readonly stored: number
}

/** The edge on the embedded log, as a collector has it, without what comes behind the log. */
export async function serveEdge(keys: readonly string[], inFlightBytesMax: number): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-overload-'))
  const log = await openLogWriter({ directory, partitions: 4, notBefore: null, clock: systemClock, retentionMs: 0 })
  const metrics = new EdgeMetrics()
  const app = createEdgeApp({
    log: new RecordGatherer({ log, clock: systemClock, metrics }, { ...gathererDefaults, pendingBytesMax: inFlightBytesMax }),
    readiness: () => log.readiness(),
    keys: new KeyRing(keys.map((key) => ({ hash: hashKey(key), workspace: 1, kind: 'write', id: key, revoked: false, limits: noLimits }))),
    clock: systemClock, metrics, settings: { ...edgeDefaults, eventsPerSecondMax: 1e9, inFlightBytesMax },
    identityOf: () => defaultIdentitySettings,
    draining: () => false,
    newMessageId: () => uuidV7(Date.now()),
    random: Math.random,
    report: console.error,
  })
  const listening = await listen(app, { host: '127.0.0.1', port: 0, closeTimeoutMs: 500 })
  const stop = async (): Promise<void> => {
    await listening.close()
    await log.close()
    const reader = await openLogReader({ directory, clock: systemClock })
    const report: EdgeReport = { stored: (await reader.heads()).reduce((sum, { sequence }) => sum + (sequence ?? 0), 0) }
    await reader.close()
    rmSync(directory, { recursive: true })
    process.send?.(report, () => process.exit(0))
  }
  process.on('message', () => {
    stop().catch((error: unknown) => {
      console.error(error)
      process.exit(1)
    })
  })
  process.send?.({ url: listening.url })
}

/** Resident bytes of a process. Linux only. */
export function residentBytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1_024
}
