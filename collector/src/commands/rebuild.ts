import { MillraceError } from '../platform/errors.ts'
import type { Command } from './command.ts'
import { withOperations } from './with-operations.ts'

export const rebuildCommand: Command = {
  name: 'rebuild',
  usage: 'rebuild olap | rebuild profiles',
  about: 're-creates the OLAP tier or the profiles from the archive, while reads go on',
  flags: ['json'],
  run: async ({ arguments: { positional }, config, flags, terminal }) => {
    const operation = new Map([['olap', 'rebuildOlap'], ['profiles', 'rebuildProfiles']]).get(positional[0] ?? '')
    if (operation === undefined) throw new MillraceError('bad_request', 'what to rebuild: millrace rebuild olap, or millrace rebuild profiles')
    const report = await withOperations(config, (operations) => operations.call(operation, {}))
    const entries = Object.entries(Object(report)).map(([name, value]) => `${name} ${String(value)}`).join(', ')
    terminal.out(flags.has('json') ? `${JSON.stringify(report)}\n` : `rebuilt: ${entries}\n`)
    return 0
  },
}
