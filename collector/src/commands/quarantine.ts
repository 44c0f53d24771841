import { MillraceError } from '../platform/errors.ts'
import type { Command } from './command.ts'
import { withOperations } from './with-operations.ts'

export const quarantineCommand: Command = {
  name: 'quarantine',
  usage: 'quarantine [list | replay] [--reason REASON] [--workspace NAME] [--limit N] [--json]',
  about: 'events that could not be processed: shows them, or sends them again after what refused them was changed',
  flags: ['reason', 'workspace', 'limit', 'json'],
  run: async ({ arguments: { positional }, config, flags, terminal }) => {
    const [action = 'list'] = positional
    const reason = flags.get('reason')
    const params = { workspace: flags.get('workspace') ?? 'default', ...(reason === undefined ? {} : { reason }) }
    if (action === 'replay') {
      const report = await withOperations(config, (operations) => operations.call('replayQuarantine', params))
      terminal.out(flags.has('json') ? `${JSON.stringify(report)}\n` : replaySentence(report))
      return 0
    }
    if (action !== 'list') throw new MillraceError('bad_request', `unknown action ${JSON.stringify(action)}; ${quarantineCommand.usage}`)
    const page = await withOperations(config, (operations) => operations.call('quarantine', { ...params, limit: limitOf(flags.get('limit')) }))
    terminal.out(flags.has('json') ? `${JSON.stringify(page)}\n` : table(page))
    return 0
  },
}

function limitOf(text = '20'): number {
  const limit = Number(text)
  if (!Number.isInteger(limit) || limit < 1 || limit > 1_000) throw new MillraceError('bad_request', `--limit is a whole number from 1 to 1000, not ${JSON.stringify(text)}`)
  return limit
}

function replaySentence(report: unknown): string {
  const refused = Object.entries(Object(Reflect.get(Object(report), 'refused'))).map(([reason, count]) => `${reason} ${String(count)}`).join(', ')
  return `sent again: ${String(Reflect.get(Object(report), 'replayed'))}; still refused: ${refused === '' ? 'none' : refused}\n`
}

function table(page: unknown): string {
  const events: unknown = Reflect.get(Object(page), 'events')
  const rows = Array.isArray(events) ? events.map((row: unknown) => new Map(Object.entries(Object(row)))) : []
  if (rows.length === 0) return 'nothing is in quarantine\n'
  const more = Reflect.get(Object(page), 'next') === null ? '' : `... there is more: --limit, or GET /v1/quarantine\n`
  return rows.map((row) => `${String(row.get('receivedAt'))}  ${String(row.get('reason')).padEnd(22)}  ${JSON.stringify(row.get('messageId'))}\n`).join('') + more
}
