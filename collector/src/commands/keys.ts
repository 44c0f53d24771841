import { MillraceError } from '../platform/errors.ts'
import type { Command } from './command.ts'
import { withOperations } from './with-operations.ts'

export const keysCommand: Command = {
  name: 'keys',
  usage: 'keys create --workspace NAME | keys list | keys revoke ID [--json]',
  about: 'write keys and secret keys of a workspace',
  flags: ['workspace', 'json'],
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
    if (action !== 'list') throw new MillraceError('bad_request', `unknown action ${JSON.stringify(action)}; ${keysCommand.usage}`)
    const listed = await withOperations(config, (operations) => operations.call('listKeys', {}))
    terminal.out(json ? `${JSON.stringify(listed)}\n` : keyTable(listed))
    return 0
  },
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
    return [row.get('id'), names.get(row.get('workspace')) ?? '', row.get('kind'), revoked].join('  ')
  }).join('\n') + '\n'
}

function records(value: unknown): readonly ReadonlyMap<string, unknown>[] {
  return Array.isArray(value) ? value.map((row: unknown) => new Map(Object.entries(Object(row)))) : []
}
