import { uuidV7 } from '@millrace/schemas'
import { collectDefaultMetrics, Registry } from 'prom-client'
import { administration } from './administration.ts'
import { automationAdministration } from './automation/automation-administration.ts'
import { AutomationMetrics } from './automation/automation-metrics.ts'
import { AutomationService } from './automation/automation-service.ts'
import { composeLogReader, composeObjects, composeOlap, composeOltp, type OlapAddress } from './compose.ts'
import type { Config } from './config.ts'
import { identityView } from './identity/identity-view.ts'
import { identitySettingsFor } from './identity-settings-for.ts'
import { Channel, type Handler } from './platform/channel.ts'
import { systemClock } from './platform/clock.ts'
import { MillraceError, messageOf } from './platform/errors.ts'
import { giveWay } from './platform/give-way.ts'
import { Lifecycle } from './platform/lifecycle.ts'
import { createLogger, type Logger } from './platform/logger.ts'
import { partitionRoles } from './ports/oltp.ts'
import { PumpMetrics } from './pump/pump-metrics.ts'
import { WorkerService } from './pump/worker-service.ts'
import { armFailPoints } from './platform/fail-point.ts'

/**
 * The child process with the pump and load roles, the only writer of the OLTP. Its parent sends the configuration
 * over the pipe, so no secret stands in an environment or an argument list. It ends when its parent is gone.
 */

export interface WorkerStart {
  readonly config: Config
  readonly olap: OlapAddress
}

interface WorkerContext extends WorkerStart {
  readonly logger: Logger
  readonly metrics: PumpMetrics
  readonly automationMetrics: AutomationMetrics
}

interface Running {
  readonly service: WorkerService
  readonly handlers: ReadonlyMap<string, Handler>
  close(): Promise<void>
}

/** An engine that is away when this process starts is tried again so often, and for ever. */
const retryMs = 1_000

armFailPoints(process.env)
// An answer to somebody who waits goes before what becomes of events that are safe already.
giveWay(3)

const registry = new Registry()
collectDefaultMetrics({ register: registry, prefix: 'millrace_worker_' })
const stopping = new AbortController()
let running: Running | null = null

/** Resolves when it runs, or when it has to wait for an engine; a fault that waiting cannot mend fails it. */
async function start(params: WorkerStart): Promise<void> {
  const logger = createLogger(params.config.logLevel, (line) => process.stderr.write(line), () => Date.now())
  const context = { ...params, logger, metrics: new PumpMetrics(registry, (message) => logger.warn(message)), automationMetrics: new AutomationMetrics(registry) }
  if (!(await tryStart(context))) void keepTrying(context)
}

async function keepTrying(context: WorkerContext): Promise<void> {
  while (!stopping.signal.aborted) {
    await systemClock.sleep(retryMs, stopping.signal)
    try {
      if (stopping.signal.aborted || await tryStart(context)) return
    } catch (error) {
      context.logger.error('the worker ends and will be started again', { error: messageOf(error) })
      process.exit(1)
    }
  }
}

async function tryStart(context: WorkerContext): Promise<boolean> {
  const lifecycle = new Lifecycle()
  try {
    running = await run(context, lifecycle)
    return true
  } catch (error) {
    await lifecycle.close()
    if (!(error instanceof MillraceError && error.retryable)) throw error
    context.logger.warn('an engine is away, the worker waits for it', { error: messageOf(error) })
    return false
  }
}

async function run({ config, olap: address, logger, metrics, automationMetrics }: WorkerContext, lifecycle: Lifecycle): Promise<Running> {
  const oltp = await composeOltp(config)
  lifecycle.add(() => oltp.close())
  await oltp.migrate()
  const objects = await composeObjects(config)
  lifecycle.add(() => objects.close())
  const olap = composeOlap(address)
  lifecycle.add(() => olap.close())
  const log = await composeLogReader(config, systemClock)
  lifecycle.add(() => log.close())
  const identityKey = Buffer.from((await oltp.setting('identity_key')) ?? '', 'hex')
  const settings = identitySettingsFor(config)
  const shared = !config.logUrl.startsWith('file:') && !config.oltpUrl.startsWith('sqlite:')
  const member = { member: uuidV7(systemClock.now()), roles: partitionRoles.filter((role) => config.roles.includes(role)) }
  const automation = new AutomationService({
    store: oltp.automations, log, logger, metrics: automationMetrics, clock: systemClock, identity: identityView(() => settings), random: Math.random, owner: member.member,
  }, { ...config, shared })
  const service = new WorkerService({
    oltp, log, objects, olap, logger, metrics, automation, clock: systemClock, context: { settings, identityKey, clock: systemClock },
  }, { ...config, bufferBytesMax: 16_777_216, shared, member })
  lifecycle.add(() => service.stop())
  await service.start((error) => {
    logger.error('the worker ends and will be started again', { error: String(error) })
    process.exit(1)
  })
  const handlers = new Map([...administration(oltp, systemClock), ...automationAdministration({
    store: oltp.automations, segments: oltp, clock: systemClock, allowPrivate: config.webhookAllowPrivate, changed: () => automation.wake(),
  })])
  return { service, handlers, close: () => lifecycle.close() }
}

function live(): Running {
  if (running === null) throw new MillraceError('unavailable', 'the worker is starting', { retryable: true })
  return running
}

async function stop(): Promise<void> {
  stopping.abort()
  await running?.close()
  process.exit(0)
}

const channel = new Channel(process, new Map<string, Handler>([
  ['start', (params) => start(asStart(params))],
  ['rebuildOlap', async () => live().service.rebuildOlap()],
  ['rebuildProfiles', async () => live().service.rebuildProfiles()],
  ['carryOutErasure', async (params) => live().service.carryOutErasure(asErasure(params))],
  ['metrics', () => registry.metrics()],
  ['admin', async (params) => {
    const { method, params: inner } = asCall(params)
    const handler = live().handlers.get(method)
    if (handler === undefined) throw new MillraceError('internal', `no handler for ${method}`)
    return handler(inner)
  }],
]))

function asStart(params: unknown): WorkerStart {
  if (isStart(params)) return params
  throw new MillraceError('internal', 'the worker got no configuration')
}

/** Both ends are this program; the shape was checked where the configuration was parsed. */
function isStart(value: unknown): value is WorkerStart {
  return typeof value === 'object' && value !== null && 'config' in value && 'olap' in value
}

function asErasure(value: unknown): { workspace: number; id: string } {
  if (typeof value === 'object' && value !== null && 'workspace' in value && 'id' in value && typeof value.workspace === 'number' && typeof value.id === 'string') {
    return { workspace: value.workspace, id: value.id }
  }
  throw new MillraceError('internal', 'not an erasure')
}

function asCall(value: unknown): { method: string; params: unknown } {
  if (typeof value === 'object' && value !== null && 'method' in value && typeof value.method === 'string') {
    return { method: value.method, params: 'params' in value ? value.params : undefined }
  }
  throw new MillraceError('internal', 'not a call')
}

process.on('disconnect', () => void stop())
process.on('SIGTERM', () => void stop())
// Ctrl-C reaches the whole group; the parent decides the order of the end.
process.on('SIGINT', () => undefined)
void channel
