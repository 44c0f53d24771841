import { join } from 'node:path'
import type { Hono } from 'hono'
import { Registry } from 'prom-client'
import { type AutomationRouteDependencies, automationRoutes } from './automation/automation-routes.ts'
import type { Config } from './config.ts'
import { consoleApp } from './console/console-app.ts'
import { createEdgeApp, edgeDefaults } from './edge/edge-app.ts'
import { EdgeMetrics } from './edge/edge-metrics.ts'
import { KeyFile } from './edge/key-file.ts'
import { refreshKeys } from './edge/key-refresher.ts'
import { type KeyList, KeyRing } from './edge/key-ring.ts'
import { listen } from './edge/listen.ts'
import { keepUsage, UsageFile } from './edge/usage-file.ts'
import { gathererDefaults, RecordGatherer } from './edge/record-gatherer.ts'
import type { LiveSettings } from './identity/live-settings.ts'
import { identityView } from './identity/identity-view.ts'
import { settingsRoutes } from './identity/settings-routes.ts'
import type { SettingsDependencies } from './identity/workspace-settings.ts'
import type { Clock } from './platform/clock.ts'
import { messageOf } from './platform/errors.ts'
import type { Logger } from './platform/logger.ts'
import { uuidV7 } from '@millrace/schemas'
import type { Cache } from './ports/cache.ts'
import type { LogWriter } from './ports/log.ts'
import type { Olap } from './ports/olap.ts'
import type { OltpReader, SegmentDraft, SegmentRow } from './ports/oltp.ts'
import { DecidedWatch } from './query/decided-watch.ts'
import type { DecidedEvents } from './query/event-feed.ts'
import { readRoutes } from './query/read-routes.ts'
import { Zone } from './query/segments/zone.ts'
import type { EraseReport, EraseRequest } from './query/erase-profile.ts'
import type { SplitReport, SplitRequest } from './query/split-profile.ts'
import type { Status } from './query/status.ts'
import { exportStatus } from './query/status-metrics.ts'

export interface FrontDependencies {
  readonly config: Config
  readonly logger: Logger
  readonly reader: OltpReader
  readonly log: LogWriter
  readonly cache: Cache
  readonly olap: Olap
  readonly putSegment: (draft: SegmentDraft) => Promise<SegmentRow>
  readonly clock: Clock
  readonly status: () => Promise<Status>
  readonly decided: DecidedEvents
  readonly erase: (request: EraseRequest) => Promise<EraseReport>
  readonly split: (request: SplitRequest) => Promise<SplitReport>
  /** The settings of each workspace, as they were read last. */
  readonly live: LiveSettings
  readonly settings: SettingsDependencies
  /** Further pages beside the API. */
  readonly pages?: Hono
  /** Changes an automation where the OLTP is written. */
  readonly changeAutomation: AutomationRouteDependencies['change']
  /** The worker's metrics in Prometheus text, added to this process's own. */
  readonly workerMetrics: () => Promise<string>
}

export interface Front {
  readonly url: string
  /** Method and path of everything that is served, such as `GET /v1/profiles/:id`. */
  readonly routes: readonly string[]
  /** Asks the store for the keys now, after a change. */
  refreshKeys(): Promise<void>
  /** Events of the key in this process's day, where it has a daily limit. */
  usedToday(key: string): number
  /** Refuses new requests, finishes open ones. */
  close(): Promise<void>
}

/** The main process's HTTP: edge and read side on one port. */
export async function startFront(dependencies: FrontDependencies): Promise<Front> {
  const { config, logger, reader, log, clock, live } = dependencies
  const stop = new AbortController()
  const metrics = new EdgeMetrics(withWorker(dependencies.workerMetrics))
  exportStatus(metrics.registry, dependencies)
  const report = (error: unknown): void => logger.error('edge', { error: messageOf(error) })
  const keyFile = new KeyFile(join(config.data, 'keys.json'))
  const source = async (): Promise<KeyList> => {
    await live.refresh(reader)
    return (await reader.keys()).map(({ revokedAt, createdAt: _, ...key }) => ({ ...key, revoked: revokedAt !== null }))
  }
  const ring = new KeyRing(await source().catch(async (error: unknown) => {
    report(error)
    return (await keyFile.read()) ?? []
  }))
  const refreshing = refreshKeys({ source, ring, clock, report, signal: stop.signal, remember: (list) => keyFile.write(list) })
  const usageFile = new UsageFile(join(config.data, 'key-usage.json'))
  const usage = await usageFile.read()
  const keeping = keepUsage({ usage, file: usageFile, clock, signal: stop.signal, report })
  const gatherer = new RecordGatherer({ log, clock, metrics }, { ...gathererDefaults, pendingBytesMax: config.inFlightBytesMax })
  const app = createEdgeApp({
    log: gatherer, readiness: () => log.readiness(), keys: ring, usage, clock, metrics, report,
    settings: { ...edgeDefaults, ...config }, identityOf: live.of,
    draining: () => stop.signal.aborted,
    newMessageId: () => uuidV7(clock.now()),
    random: Math.random,
  })
  const workspaceOf = (key: string): number | undefined => {
    const info = ring.find(key)
    return info?.kind === 'secret' ? info.workspace : undefined
  }
  if (config.roles.includes('query')) app.route('/v1', readRoutes({
    reader, zone: new Zone(config.calendarTimeZone), olap: dependencies.olap, putSegment: dependencies.putSegment, newId: () => uuidV7(clock.now()),
    cache: dependencies.cache, identity: identityView(live.of), status: dependencies.status,
    decided: dependencies.decided, split: dependencies.split, erase: dependencies.erase, watch: new DecidedWatch(reader, clock), stopping: stop.signal, now: () => clock.now(),
    workspaceOf,
  }))
  if (config.roles.includes('query')) app.route('/v1', automationRoutes({ reader, clock, change: dependencies.changeAutomation, workspaceOf }))
  if (config.roles.includes('query')) app.route('/v1', settingsRoutes({ ...dependencies.settings, workspaceOf }))
  if (config.roles.includes('query')) app.route('/', consoleApp())
  if (dependencies.pages !== undefined) app.route('/', dependencies.pages)
  const listening = await listen(app, config).catch(async (error: unknown) => {
    stop.abort()
    await keeping
    throw error
  })
  return {
    url: listening.url,
    routes: [...new Set(app.routes.filter(({ method }) => method !== 'ALL').map(({ method, path }) => `${method} ${path}`))],
    refreshKeys: async () => ring.replace(await source()),
    usedToday: (key) => usage.of(key, clock.now()),
    close: async () => {
      stop.abort()
      await listening.close()
      await refreshing
      await keeping
      // What was answered while the last requests ended.
      await usageFile.write(usage).catch(report)
    },
  }
}

/** One page for both processes; without the worker's part while the worker is being started again. */
function withWorker(workerMetrics: () => Promise<string>): Registry {
  const registry = new Registry()
  const own = registry.metrics.bind(registry)
  registry.metrics = async () => `${await own()}${await workerMetrics().catch(() => '')}`
  return registry
}
