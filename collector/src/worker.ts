import { collectDefaultMetrics, Registry } from 'prom-client'
import { composeLogReader, composeObjects, composeOlap, composeOltp, type OlapAddress } from './compose.ts'
import type { Config } from './config.ts'
import { identitySettingsFor } from './identity-settings-for.ts'
import { Channel, type Handler } from './platform/channel.ts'
import { systemClock } from './platform/clock.ts'
import { createLogger } from './platform/logger.ts'
import { MillraceError } from './platform/errors.ts'
import { PumpMetrics } from './pump/pump-metrics.ts'
import { WorkerService } from './pump/worker-service.ts'
import { administration } from './administration.ts'

/**
 * The child process with the pump and load roles, the only writer of the OLTP. Its parent sends the configuration
 * over the pipe, so no secret stands in an environment or an argument list. It ends when its parent is gone.
 */

export interface WorkerStart {
  readonly config: Config
  readonly olap: OlapAddress
}

interface Running {
  readonly service: WorkerService
  readonly handlers: ReadonlyMap<string, Handler>
  close(): Promise<void>
}

const registry = new Registry()
collectDefaultMetrics({ register: registry, prefix: 'millrace_worker_' })
let running: Running | null = null

async function start({ config, olap: address }: WorkerStart): Promise<void> {
  const logger = createLogger(config.logLevel, (line) => process.stderr.write(line), () => Date.now())
  const oltp = composeOltp(config)
  await oltp.migrate()
  const log = await composeLogReader(config, systemClock)
  const objects = composeObjects(config)
  const olap = composeOlap(address)
  const identityKey = Buffer.from((await oltp.setting('identity_key')) ?? '', 'hex')
  const metrics = new PumpMetrics(registry, (message) => logger.warn(message))
  const service = new WorkerService({
    oltp, log, objects, olap, logger, metrics, clock: systemClock,
    context: { settings: identitySettingsFor(config), identityKey, clock: systemClock },
  }, { ...config, bufferBytesMax: 16_777_216 })
  await service.start((error) => {
    logger.error('the worker ends and will be started again', { error: String(error) })
    process.exit(1)
  })
  running = {
    service,
    handlers: administration(oltp, systemClock),
    close: async () => {
      await service.stop()
      await Promise.all([log.close(), objects.close(), olap.close()])
      await oltp.close()
    },
  }
}

function live(): Running {
  if (running === null) throw new MillraceError('unavailable', 'the worker is starting', { retryable: true })
  return running
}

async function stop(): Promise<void> {
  await running?.close()
  process.exit(0)
}

const channel = new Channel(process, new Map<string, Handler>([
  ['start', (params) => start(asStart(params))],
  ['rebuildOlap', () => live().service.rebuildOlap()],
  ['metrics', () => registry.metrics()],
  ['admin', (params) => {
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
