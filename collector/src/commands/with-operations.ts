import { createCollector } from '../collector.ts'
import { connectControl, type ControlClient } from '../control-client.ts'
import type { Config } from '../config.ts'
import { existsSync } from 'node:fs'
import { MillraceError } from '../platform/errors.ts'

/**
 * Runs an operation on the collector of the data directory: the running one if there is one, else one opened for
 * this command alone on a free port, and closed after it.
 */
export async function withOperations<T>(config: Config, work: (operations: ControlClient) => Promise<T>): Promise<T> {
  const running = await connectControl(config.data)
  if (running !== null) return work(running)
  if (!existsSync(config.data)) {
    throw new MillraceError('not_found', `there is no data in ${config.data}; start with \`millrace serve\`, or name the directory with --data`)
  }
  const collector = await createCollector({ ...config, port: 0, logLevel: 'error' })
  try {
    const own = await connectControl(config.data)
    if (own === null) throw new MillraceError('internal', 'the collector did not open its control port')
    return await work(own)
  } finally {
    await collector.close()
  }
}
