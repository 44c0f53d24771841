import { repairEmbeddedLog } from '../compose.ts'
import { lockData } from '../platform/data-lock.ts'
import { MillraceError } from '../platform/errors.ts'
import type { Command } from './command.ts'

export const repairCommand: Command = {
  name: 'repair',
  usage: 'repair log [--json]',
  about: 'makes a damaged log readable again, and says how many events it lost; the collector must be stopped',
  flags: ['json'],
  run: async ({ arguments: { positional }, config, flags, terminal }) => {
    if (positional[0] !== 'log') throw new MillraceError('bad_request', 'what to repair: millrace repair log')
    const lock = lockData(config.data)
    try {
      const damages = (await repairEmbeddedLog(config)).map(({ lost, ...place }) => ({ ...place, lost: Object.fromEntries(lost) }))
      if (flags.has('json')) terminal.out(`${JSON.stringify(damages)}\n`)
      else terminal.out(damages.length === 0 ? 'the log is intact\n' : damages.map(sentence).join(''))
    } finally {
      lock.release()
    }
    return 0
  },
}

function sentence({ path, from, to, lost }: { readonly path: string; readonly from: number; readonly to: number; readonly lost: Readonly<Record<string, number>> }): string {
  const counts = Object.entries(lost).map(([partition, events]) => `${events} of partition ${partition}`)
  const events = counts.length === 0 ? 'no event that was not decided yet' : `events that were not decided yet: ${counts.join(', ')}`
  return `${path} was damaged from byte ${from} to ${to}; it held ${events}. A copy is in damaged/ beside it.\n`
}
