import { MillraceError } from '../platform/errors.ts'
import type { Command } from './command.ts'
import { withOperations } from './with-operations.ts'

export const sqlCommand: Command = {
  name: 'sql',
  usage: 'sql "select ..." [--workspace NAME] [--format PrettyCompact]',
  about: 'asks the OLAP tier, read-only',
  flags: ['workspace', 'format'],
  run: async ({ arguments: { positional }, config, flags, terminal }) => {
    const sql = positional.join(' ').trim()
    if (sql === '') throw new MillraceError('bad_request', 'give a query: millrace sql "select metric, count() from events group by metric"')
    const workspace = flags.get('workspace')
    const format = flags.get('format') ?? (terminal.isTty ? 'PrettyCompactMonoBlock' : 'TabSeparated')
    const answer = await withOperations(config, (operations) =>
      operations.call('sql', { sql, format, ...(workspace === undefined ? {} : { workspace }) }))
    terminal.out(String(answer))
    return 0
  },
}
