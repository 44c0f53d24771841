import { MillraceError } from '../platform/errors.ts'
import { type KeyLimits, keyLimitMax } from '../ports/key.ts'
import type { Command } from './command.ts'
import { withOperations } from './with-operations.ts'

const limitFlags: ReadonlyMap<string, keyof KeyLimits> = new Map([
  ['events-per-second', 'eventsPerSecond'], ['burst-events', 'burstEvents'], ['bytes-per-second', 'bytesPerSecond'], ['events-per-day', 'eventsPerDay'],
])

export const keysCommand: Command = {
  name: 'keys',
  usage: 'keys create --workspace NAME | keys list | keys limit ID [--events-per-second N] [--burst-events N] [--bytes-per-second N] [--events-per-day N] | keys revoke ID [--json]',
  about: 'write keys and secret keys of a workspace, and what each may send',
  flags: ['workspace', 'json', ...limitFlags.keys()],
  run: async ({ arguments: { positional }, config, flags, terminal }) => {
    const [action = 'list', id] = positional
    const json = flags.has('json')
    if (action === 'create') {
      const workspace = flags.get('workspace')
      if (workspace === undefined) throw new MillraceError('bad_request', 'name the workspace: millrace keys create --workspace NAME')
      const created = await withOperations(config, (operations) => operations.call('createKeys', { workspace }))
      terminal.out(json ? `${JSON.stringify(created)}\n` : `${lines(created)}\nThe keys are stored only as hashes: note them now.\n`)
      return 0
    }
    if (action === 'revoke') {
      if (id === undefined) throw new MillraceError('bad_request', 'name the key by its id or by itself: millrace keys revoke ID')
      const revoked = await withOperations(config, (operations) => operations.call('revokeKey', { id }))
      terminal.out(json ? `${JSON.stringify({ id, revoked })}\n` : revoked === true ? `${id} is revoked\n` : `there is no live key ${id}\n`)
      return revoked === true ? 0 : 1
    }
    if (action === 'limit') {
      if (id === undefined) throw new MillraceError('bad_request', 'name the key by its id or by itself: millrace keys limit ID --events-per-second N')
      const limited = await withOperations(config, (operations) => operations.call('limitKey', { id, limits: wantedLimits(flags) }))
      const limits: unknown = Reflect.get(Object(limited), 'limits')
      terminal.out(json ? `${JSON.stringify(limited)}\n` : `${String(Reflect.get(Object(limited), 'id'))}  ${limitsText(limits)}\n`)
      return 0
    }
    if (action !== 'list') throw new MillraceError('bad_request', `unknown action ${JSON.stringify(action)}; ${keysCommand.usage}`)
    const listed = await withOperations(config, (operations) => operations.call('listKeys', {}))
    terminal.out(json ? `${JSON.stringify(listed)}\n` : keyTable(listed))
    return 0
  },
}

/** `none` takes a limit away. Fails with `bad_request`. */
function wantedLimits(flags: ReadonlyMap<string, string>): Partial<KeyLimits> {
  const wanted = [...limitFlags].flatMap(([flag, name]): readonly (readonly [keyof KeyLimits, number | null])[] => {
    const text = flags.get(flag)
    if (text === undefined) return []
    if (text === 'none') return [[name, null]]
    const number = /^\d{1,15}$/.test(text) ? Number(text) : 0
    if (number < 1 || number > keyLimitMax) throw new MillraceError('bad_request', `--${flag} must be none or a whole number from 1 to ${keyLimitMax}`)
    return [[name, number]]
  })
  if (wanted.length === 0) throw new MillraceError('bad_request', `name a limit: ${[...limitFlags.keys()].map((flag) => `--${flag}`).join(', ')}`)
  return Object.fromEntries(wanted)
}

function limitsText(limits: unknown): string {
  const set = [...limitFlags].flatMap(([flag, name]) => {
    const value: unknown = Reflect.get(Object(limits), name)
    return typeof value === 'number' ? [`${flag} ${value}`] : []
  })
  return set.length === 0 ? 'no limits' : set.join(', ')
}

function lines(value: unknown): string {
  return Object.entries(Object(value)).map(([name, text]) => `${name.padEnd(10)} ${String(text)}`).join('\n')
}

function keyTable(listed: unknown): string {
  const keys: unknown = Reflect.get(Object(listed), 'keys')
  const workspaces: unknown = Reflect.get(Object(listed), 'workspaces')
  const names = new Map(records(workspaces).map((row) => [row.get('workspace'), String(row.get('name'))]))
  return records(keys).map((row) => {
    const revoked = row.get('revokedAt') === null ? 'live' : 'revoked'
    const used = typeof row.get('usedToday') === 'number' ? `, ${String(row.get('usedToday'))} used today` : ''
    return [row.get('id'), names.get(row.get('workspace')) ?? '', row.get('kind'), revoked, `${limitsText(row.get('limits'))}${used}`].join('  ')
  }).join('\n') + '\n'
}

function records(value: unknown): readonly ReadonlyMap<string, unknown>[] {
  return Array.isArray(value) ? value.map((row: unknown) => new Map(Object.entries(Object(row)))) : []
}
