import { asLimits, keyIds, textField } from './administration.ts'
import type { Handler } from './platform/channel.ts'
import { MillraceError } from './platform/errors.ts'
import type { OltpReader } from './ports/oltp.ts'

export interface KeyOperationDependencies {
  readonly reader: OltpReader
  /** Changes keys where the OLTP is written. */
  readonly change: (method: string, params: unknown) => Promise<unknown>
  /** This process honours the change at once; other edges do within 5 s. */
  readonly refreshKeys: () => Promise<void>
  readonly usedToday: (key: string) => number
}

/** What `millrace keys` asks the collector, by name. */
export function keyOperations({ reader, change, refreshKeys, usedToday }: KeyOperationDependencies): ReadonlyMap<string, Handler> {
  const changed = async (method: string, params: unknown): Promise<unknown> => {
    const value = await change(method, params)
    await refreshKeys()
    return value
  }
  return new Map<string, Handler>([
    ['createKeys', (params) => changed('createKeys', params)],
    ['revokeKey', (params) => changed('revokeKey', params)],
    ['limitKey', async (params) => {
      const names = keyIds(textField(params, 'id'))
      const key = (await reader.keys()).find(({ id, revokedAt }) => names.includes(id) && revokedAt === null)
      if (key === undefined) throw new MillraceError('not_found', `there is no live key ${names[0]}`)
      // What is not named stays as it is.
      const limits = asLimits({ ...key.limits, ...Object(Reflect.get(Object(params), 'limits')) })
      if (await changed('limitKey', { id: key.id, limits }) !== true) throw new MillraceError('not_found', `there is no live key ${key.id}`)
      return { id: key.id, limits }
    }],
    ['listKeys', async () => ({
      keys: (await reader.keys()).map((key) => (key.limits.eventsPerDay === null ? key : { ...key, usedToday: usedToday(key.id) })),
      workspaces: await reader.workspaces(),
    })],
  ])
}
