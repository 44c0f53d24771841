import { MillraceError } from '../platform/errors.ts'
import type { Command } from './command.ts'
import { identifierFlags, namedIdentifiers } from './split.ts'
import { withOperations } from './with-operations.ts'

export const eraseCommand: Command = {
  name: 'erase',
  usage: 'erase --external-id X [--later refuse|anew] [--workspace NAME] [--json]',
  about: 'removes a person from every tier for good, found by --external-id, --email, --phone, --anonymous-id or --profile; later events with the same identifiers begin somebody new, or are refused',
  flags: [...Object.keys(identifierFlags), 'profile', 'later', 'workspace', 'json'],
  run: async ({ config, flags, terminal }) => {
    const named = namedIdentifiers(flags)
    const profileId = flags.get('profile')
    const [identifier] = named
    if (named.length + (profileId === undefined ? 0 : 1) !== 1) throw new MillraceError('bad_request', `name one person: millrace ${eraseCommand.usage}`)
    const report = await withOperations(config, (operations) => operations.call('erase', {
      workspace: flags.get('workspace') ?? 'default', later: flags.get('later') ?? 'anew', ...(profileId === undefined ? { identifier } : { profileId }),
    }))
    terminal.out(flags.has('json') ? `${JSON.stringify(report)}\n` : renderReport(report))
    return 0
  },
}

function renderReport(report: unknown): string {
  const at = (value: unknown, ...path: readonly string[]): unknown => path.reduce<unknown>((inner, name) => Reflect.get(Object(inner), name), value)
  const rows = Object.entries(Object(at(report, 'tiers', 'oltp'))).filter(([, count]) => count !== 0).map(([table, count]) => `${table} ${String(count)}`)
  return [
    `erased: ${String(at(report, 'tiers', 'profiles'))} profile, ${String(at(report, 'tiers', 'identifiers'))} identifiers`,
    `  OLTP     ${rows.join(', ') || 'nothing'}`,
    `  archive  ${String(at(report, 'tiers', 'archive', 'events'))} events in ${String(at(report, 'tiers', 'archive', 'objects'))} objects`,
    `  OLAP     ${String(at(report, 'tiers', 'olap', 'rows'))} rows`,
    `  log      ${at(report, 'logIsClear') === true ? 'clear' : 'still holds records that wait to be archived; what they say of this person is dropped then'}`,
    '',
  ].join('\n')
}
