import { textField } from './administration.ts'
import type { Handler } from './platform/channel.ts'
import { MillraceError } from './platform/errors.ts'
import { parseReason, quarantinePage, type QuarantineRequest } from './query/quarantine-page.ts'
import { type ReplayDependencies, replayQuarantine } from './replay-quarantine.ts'

/** What `millrace quarantine` asks of the running collector. */
export function quarantineOperations(
  dependencies: ReplayDependencies, workspaceOf: (name: string) => Promise<number>,
): readonly (readonly [string, Handler])[] {
  const selection = async (params: unknown): Promise<Pick<QuarantineRequest, 'workspace' | 'reason'>> => {
    const reason: unknown = Reflect.get(Object(params), 'reason')
    return { workspace: await workspaceOf(textField(params, 'workspace')), reason: parseReason(typeof reason === 'string' ? reason : undefined) }
  }
  return [
    ['quarantine', async (params) =>
      quarantinePage({ ...await selection(params), after: null, limit: limitOf(params) }, dependencies.reader)],
    ['replayQuarantine', async (params) => replayQuarantine(await selection(params), dependencies)],
  ]
}

const limitMax = 1_000

function limitOf(params: unknown): number {
  const limit: unknown = Reflect.get(Object(params), 'limit')
  if (typeof limit === 'number' && Number.isInteger(limit) && limit >= 1 && limit <= limitMax) return limit
  throw new MillraceError('bad_request', `limit must be a whole number from 1 to ${limitMax}`)
}
