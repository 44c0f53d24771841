import { uuidV7 } from '@millrace/schemas'
import type { Hono } from 'hono'
import { administration, createKeys, putKey, textField, type CreatedKeys } from './administration.ts'
import { automationOperations } from './automation-operations.ts'
import { automationAdministration } from './automation/automation-administration.ts'
import {
  composeCache, composeEngine, composeLogReader, composeLogWriter, composeObjects, composeOlap, composeOltp, composeOltpReader, olapAddress, warmProfileStore,
  type OlapAddress,
} from './compose.ts'
import type { Config } from './config.ts'
import { controlLog } from './control-log.ts'
import { identityView } from './identity/identity-view.ts'
import { LiveSettings } from './identity/live-settings.ts'
import type { SettingsDependencies } from './identity/workspace-settings.ts'
import { identitySettingsFor } from './identity-settings-for.ts'
import { startControl } from './control-server.ts'
import { startFront, type Front } from './front.ts'
import { Channel, type Handler } from './platform/channel.ts'
import { systemClock } from './platform/clock.ts'
import { lockData } from './platform/data-lock.ts'
import { MillraceError } from './platform/errors.ts'
import { Lifecycle } from './platform/lifecycle.ts'
import { ImportLane } from './import/import-lane.ts'
import { importOperations } from './import/import-operations.ts'
import { keyOperations } from './key-operations.ts'
import { createLogger, type Logger } from './platform/logger.ts'
import { siblingProgram, supervise } from './platform/supervise.ts'
import { LogAccess } from './log-access.ts'
import { quarantineOperations } from './quarantine-operations.ts'
import { settingsOperations } from './settings-operations.ts'
import type { Cache } from './ports/cache.ts'
import type { LogPosition, LogWriter } from './ports/log.ts'
import type { Olap } from './ports/olap.ts'
import type { Oltp, OltpReader, SegmentRow } from './ports/oltp.ts'
import type { SettingsRow } from './ports/workspace-settings.ts'
import { BatchSource } from './pump/batch-source.ts'
import { ArchivedEvents } from './pump/decided-events.ts'
import { eraseProfile, parseLater, type EraseReport, type EraseRequest } from './query/erase-profile.ts'
import { parseNamed } from './query/named-identifier.ts'
import { parseSplit, splitProfile, type SplitReport, type SplitRequest } from './query/split-profile.ts'
import { status, type Status } from './query/status.ts'

interface StartContext {
  readonly logger: Logger
  readonly lifecycle: Lifecycle
  readonly pages?: Hono
}

const olapAnswerMs = 3_000
/** Expanded archive objects kept for whoever reads the feed: a few for each partition, which it reads side by side. */
const feedObjectBytesMax = 134_217_728

export interface Collector {
  readonly url: string
  /** Method and path of everything that it serves, such as `GET /v1/profiles/:id`. */
  readonly routes: readonly string[]
  /** The first workspace's keys, if this start made them; they are shown once. */
  readonly created: CreatedKeys | null
  status(): Promise<Status>
  sql(request: SqlCall): Promise<string>
  rebuildOlap(): Promise<unknown>
  /** Makes the workspace if need be, and a further pair of keys for it. */
  createKeys(workspace: string): Promise<CreatedKeys>
  /** Stores the ready-made segments that the workspace does not have yet, by name. */
  addTemplateSegments(workspace: string): Promise<void>
  /** Stops in order: no new requests, open ones finished, log synced, pump after its step, engine. */
  close(): Promise<void>
}

export interface SqlCall {
  readonly sql: string
  readonly format: string
  readonly workspace?: string
}

/**
 * Starts a collector: on the embedded engines one process with edge, query and the log's writer, a child with pump
 * and load, a child with the ClickHouse engine. `pages` are served beside the API. Fails with a MillraceError that says
 * what to do, and leaves nothing running.
 */
export async function createCollector(config: Config, pages?: Hono): Promise<Collector> {
  const logger = createLogger(config.logLevel, (line) => process.stderr.write(line), () => Date.now())
  const lifecycle = new Lifecycle()
  try {
    return await start(config, { logger, lifecycle, ...(pages === undefined ? {} : { pages }) })
  } catch (error) {
    await lifecycle.close()
    throw error
  }
}

function warm(config: Config, { logger, lifecycle }: StartContext): void {
  const stopping = new AbortController()
  const begin = performance.now()
  const warming = warmProfileStore(config, stopping.signal).then((bytes) => {
    if (bytes > 0) logger.info('the profile store was read into memory', { bytes, ms: Math.round(performance.now() - begin) })
  })
  lifecycle.add(async () => {
    stopping.abort('closing')
    await warming
  })
}

async function start(config: Config, { logger, lifecycle, pages }: StartContext): Promise<Collector> {
  const lock = lockData(config.data)
  lifecycle.add(async () => lock.release())
  const prepared = await prepareOltp(config)
  const log = config.roles.includes('edge')
    ? await composeLogWriter(config, { clock: systemClock, logger, notBefore: prepared.notBefore })
    : { writer: refusingLog(config.partitions), spooledBytes: () => 0 }
  lifecycle.add(() => log.writer.close())
  const engine = await composeEngine(config, systemClock, logger)
  if (engine !== null) lifecycle.add(() => engine.stop())
  const address = olapAddress(config, engine)
  const olap = composeOlap(address)
  lifecycle.add(() => olap.close())
  const works = config.roles.includes('pump') || config.roles.includes('load')
  const worker = works ? await startWorker(config, { address, logger, lifecycle }) : await administrator(config, lifecycle)
  const reader = await composeOltpReader(config)
  lifecycle.add(() => reader.close())
  warm(config, { logger, lifecycle })
  const logAccess = new LogAccess(() => composeLogReader(config, systemClock), systemClock)
  lifecycle.add(() => logAccess.close())
  const cache = await composeCache(config)
  lifecycle.add(() => cache.close())
  const readStatus = (): Promise<Status> => status({
    reader, heads: () => logAccess.heads(), olapRows: () => olapRows(olap, logger), spoolBytes: log.spooledBytes,
  })
  const { deciding, live, split, erase } = operatorDecisions(config, { reader, log: log.writer, cache, worker })
  const objects = await composeObjects(config)
  lifecycle.add(() => objects.close())
  const source = new BatchSource({ oltp: reader, objects, log: logAccess }, { objectBytesMax: feedObjectBytesMax })
  const changeByWorker = (method: string, params: unknown): Promise<unknown> => worker.call('admin', { method, params })
  const front = await startFront({
    config, logger, reader, log: log.writer, cache, olap, status: readStatus, clock: systemClock,
    decided: new ArchivedEvents(source, reader),
    split, erase, live, settings: deciding,
    putSegment: async (draft) => asSegment(await worker.call('admin', { method: 'putSegment', params: draft })),
    ...(pages === undefined ? {} : { pages }),
    changeAutomation: changeByWorker,
    workerMetrics: async () => String(await worker.call('metrics', {})),
  })
  lifecycle.add(() => front.close())
  const workspaceOf = (name: string): Promise<number> => workspaceId(reader, name)
  const lane = new ImportLane({ log: log.writer, reader, clock: systemClock })
  const operations = new Map([
    ...operationsOf({ split, erase, olap, reader, worker, front, readStatus }),
    ...quarantineOperations({ reader, log: log.writer, clock: systemClock, identityOf: live.of }, workspaceOf),
    ...keyOperations({ reader, change: changeByWorker, refreshKeys: () => front.refreshKeys(), usedToday: (key) => front.usedToday(key) }),
    ...importOperations({ lane, reader, partitions: config.partitions, regionOf: async (workspace) => (await live.refresh(reader, workspace)).of(workspace).region }),
    ...settingsOperations(deciding, workspaceOf),
    ...automationOperations({ reader, clock: systemClock, change: changeByWorker, workspaceOf }),
  ])
  const control = await startControl(config.data, operations)
  lifecycle.add(() => control.close())
  const operate = (method: string, params: unknown): Promise<unknown> => operations.get(method)?.(params) ?? Promise.resolve(null)
  return {
    url: front.url,
    routes: front.routes,
    created: prepared.created,
    status: readStatus,
    sql: async (request) => String(await operate('sql', request)),
    rebuildOlap: () => operate('rebuildOlap', {}),
    createKeys: async (workspace) => asKeys(workspace, await operate('createKeys', { workspace })),
    addTemplateSegments: async (workspace) => void await operate('addTemplateSegments', { workspace }),
    close: () => lifecycle.close(),
  }
}

interface DecisionDependencies {
  readonly reader: OltpReader
  readonly log: LogWriter
  readonly cache: Cache
  readonly worker: Pick<Channel, 'call'>
}

interface OperatorDecisions {
  readonly deciding: SettingsDependencies
  readonly live: LiveSettings
  readonly split: (request: SplitRequest) => Promise<SplitReport>
  readonly erase: (request: EraseRequest) => Promise<EraseReport>
}

/** What operators decide about identity: it goes through the log, and names identifiers as the workspace's settings read them. */
function operatorDecisions(config: Config, { reader, log, cache, worker }: DecisionDependencies): OperatorDecisions {
  const defaults = identitySettingsFor(config)
  const live = new LiveSettings(defaults)
  const deciding = {
    reader, defaults, identity: identityView(live.of), writeControl: controlLog(log, systemClock),
    newId: () => `operator:${uuidV7(systemClock.now())}`, pause: (ms: number) => systemClock.sleep(ms), changed: (row: SettingsRow) => live.learn([row]),
  }
  return {
    deciding, live,
    split: async (request) => {
      await live.refresh(reader, request.workspace)
      return splitProfile(request, deciding)
    },
    erase: async (request) => {
      await live.refresh(reader, request.workspace)
      return eraseProfile(request, {
        ...deciding, cache, carryOut: (workspace, id) => worker.call('carryOutErasure', { workspace, id }), trimLog: () => log.trim(),
      })
    },
  }
}

interface PreparedOltp {
  readonly created: CreatedKeys | null
  readonly notBefore: LogPosition | null
}

/** Before anybody else is there: schema, what must never change, the first keys, how far the log was decided. */
async function prepareOltp(config: Config): Promise<PreparedOltp> {
  const oltp = await composeOltp(config)
  try {
    await oltp.migrate()
    const partitions = await oltp.settingOnce('partitions', String(config.partitions))
    if (partitions !== String(config.partitions)) {
      throw new MillraceError('bad_config', `partitions is ${config.partitions}, but this data was made with ${partitions}; they are fixed: start with --partitions ${partitions}`)
    }
    await oltp.settingOnce('identity_key', crypto.getRandomValues(Buffer.alloc(32)).toString('hex'))
    const fresh = (await oltp.settingOnce('first_keys', 'wanted')) === 'wanted'
    const created = await firstKeys(oltp, config, fresh)
    await oltp.setSetting('first_keys', 'made')
    let notBefore: LogPosition | null = null
    for (let partition = 0; partition < config.partitions; partition += 1) {
      const { position } = await oltp.partition(partition).catch(() => ({ position: null }))
      if (position !== null && (notBefore === null || position > notBefore)) notBefore = position
    }
    return { created, notBefore }
  } finally {
    await oltp.close()
  }
}

/** A first start makes both keys; a later one only takes on keys that the configuration names. */
async function firstKeys(oltp: Oltp, { writeKey, secretKey }: Config, fresh: boolean): Promise<CreatedKeys | null> {
  if (fresh) return createKeys(oltp, { workspace: 'default', writeKey, secretKey }, systemClock)
  if (writeKey !== null) await putKey(oltp, { workspace: 'default', kind: 'write', key: writeKey }, systemClock)
  if (secretKey !== null) await putKey(oltp, { workspace: 'default', kind: 'secret', key: secretKey }, systemClock)
  return null
}

/** In the place of the log where this process has no edge. */
function refusingLog(partitions: number): LogWriter {
  return {
    partitions,
    append: () => Promise.reject(new MillraceError('unavailable', 'this process takes no events: --roles leaves the edge out')),
    readiness: () => ({ ready: true }),
    pendingBytes: () => 0,
    trim: () => Promise.resolve(true),
    close: async () => {},
  }
}

/** Where no worker runs, keys are written from here: the OLTP is then one that takes several writers. */
async function administrator(config: Config, lifecycle: Lifecycle): Promise<Pick<Channel, 'call'>> {
  const oltp = await composeOltp(config)
  lifecycle.add(() => oltp.close())
  const handlers = new Map([...administration(oltp, systemClock), ...automationAdministration({
    store: oltp.automations, segments: oltp, clock: systemClock, allowPrivate: config.webhookAllowPrivate, changed: () => {},
  })])
  return {
    call: async (method, params) => {
      if (method === 'metrics') return ''
      const handler = handlers.get(textField(params, 'method'))
      if (method !== 'admin' || handler === undefined) throw new MillraceError('unavailable', 'this process has neither the pump nor the load role; ask one that has')
      return handler(Reflect.get(Object(params), 'params'))
    },
  }
}

interface WorkerStartDependencies {
  readonly address: OlapAddress
  readonly logger: Logger
  readonly lifecycle: Lifecycle
}

async function startWorker(config: Config, { address, logger, lifecycle }: WorkerStartDependencies): Promise<Pick<Channel, 'call'>> {
  let channel: Channel | null = null
  const supervisor = await supervise({
    program: siblingProgram(import.meta.url, './worker'),
    name: 'worker',
    clock: systemClock,
    begin: async (child) => {
      channel = new Channel(child, new Map())
      await channel.call('start', { config, olap: address })
    },
    ended: (how) => logger.warn('the worker ended and is started again', { how }),
  })
  lifecycle.add(() => supervisor.stop(30_000))
  return {
    call: (method, params) => channel?.call(method, params) ?? Promise.reject(new MillraceError('unavailable', 'the worker is starting', { retryable: true })),
  }
}

/** Whoever asks for the status while the OLAP is away wants to hear so now. */
async function lateOlap(signal: AbortSignal): Promise<never> {
  await systemClock.sleep(olapAnswerMs, signal)
  throw new MillraceError('unavailable', `no answer within ${olapAnswerMs} ms`, { retryable: true })
}

/** Null where the OLAP cannot be asked: the caller then goes by the cursors. */
async function olapRows(olap: Olap, logger: Logger): Promise<number | null> {
  const answered = new AbortController()
  try {
    return await Promise.race([olap.currentGeneration().then((generation) => olap.countRows(generation)), lateOlap(answered.signal)])
  } catch (error) {
    logger.warn('the OLAP cannot be asked for its row count', { error: String(error) })
    return null
  } finally {
    answered.abort()
  }
}

function asKeys(workspace: string, keys: unknown): CreatedKeys {
  return { workspace, writeKey: textField(keys, 'writeKey'), secretKey: textField(keys, 'secretKey') }
}

/** The other end is this program. */
function asSegment(value: unknown): SegmentRow {
  if (isSegment(value)) return value
  throw new MillraceError('internal', 'the worker answered no segment')
}

function isSegment(value: unknown): value is SegmentRow {
  return typeof value === 'object' && value !== null && 'id' in value && 'version' in value && 'definition' in value
}

interface OperationDependencies {
  readonly split: (request: SplitRequest) => Promise<SplitReport>
  readonly erase: (request: EraseRequest) => Promise<EraseReport>
  readonly olap: Olap
  readonly reader: OltpReader
  readonly worker: Pick<Channel, 'call'>
  readonly front: Front
  readonly readStatus: () => Promise<Status>
}

function operationsOf({ split, erase, olap, reader, worker, front, readStatus }: OperationDependencies): ReadonlyMap<string, Handler> {
  return new Map<string, Handler>([
    ['ping', async () => 'pong'],
    ['url', async () => front.url],
    ['proveOlap', async () => {
      await olap.prepare()
      return (await olap.query({ sql: 'select version()', format: 'TSV' })).trim()
    }],
    ['status', readStatus],
    ['sql', async (params) => {
      const name = Reflect.get(Object(params), 'workspace')
      const workspace = typeof name === 'string' ? await workspaceId(reader, name) : undefined
      return olap.query({
        sql: textField(params, 'sql'), format: textField(params, 'format'), ...(workspace === undefined ? {} : { workspace }),
      })
    }],
    ['split', async (params) => split(parseSplit(await workspaceId(reader, textField(params, 'workspace')), Reflect.get(Object(params), 'split')))],
    ['erase', async (params) => erase(asErase(await workspaceId(reader, textField(params, 'workspace')), params))],
    ['rebuildProfiles', () => worker.call('rebuildProfiles', {})],
    ['rebuildOlap', () => worker.call('rebuildOlap', {})],
    ['addTemplateSegments', async (params) =>
      worker.call('admin', { method: 'addTemplateSegments', params: { workspace: await workspaceId(reader, textField(params, 'workspace')) } })],
  ])
}

/** What the command asks: a person by profile id or by an identifier. */
function asErase(workspace: number, params: unknown): EraseRequest {
  const profileId: unknown = Reflect.get(Object(params), 'profileId')
  const person = typeof profileId === 'string' ? { profileId } : parseNamed(Reflect.get(Object(params), 'identifier'), 'identifier')
  return { workspace, person, later: parseLater(textField(params, 'later')) }
}

async function workspaceId(reader: OltpReader, name: string): Promise<number> {
  const found = (await reader.workspaces()).find((row) => row.name === name || String(row.workspace) === name)
  if (found === undefined) throw new MillraceError('not_found', `there is no workspace ${JSON.stringify(name)}`)
  return found.workspace
}
