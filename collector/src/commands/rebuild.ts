import { MillraceError } from '../platform/errors.ts'
import type { Command } from './command.ts'
import { withOperations } from './with-operations.ts'

export const rebuildCommand: Command = {
  name: 'rebuild',
  usage: 'rebuild olap',
  about: 're-creates the OLAP tier from the archive, while everything else goes on',
  flags: ['json'],
  run: async ({ arguments: { positional }, config, flags, terminal }) => {
    if (positional[0] !== 'olap') throw new MillraceError('bad_request', 'what to rebuild: millrace rebuild olap')
    const report = await withOperations(config, (operations) => operations.call('rebuildOlap', {}))
    const entries = Object.entries(Object(report)).map(([name, value]) => `${name} ${String(value)}`).join(', ')
    terminal.out(flags.has('json') ? `${JSON.stringify(report)}\n` : `rebuilt: ${entries}\n`)
    return 0
  },
}
