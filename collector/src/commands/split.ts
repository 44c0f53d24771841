import { MillraceError } from '../platform/errors.ts'
import type { Command } from './command.ts'
import { withOperations } from './with-operations.ts'

/** Flags that name an identifier, in every command about a person. */
export const identifierFlags: Readonly<Record<string, string>> = Object.freeze({
  'external-id': 'externalId', email: 'email', phone: 'phone', 'anonymous-id': 'anonymousId',
})

export const splitCommand: Command = {
  name: 'split',
  usage: 'split --email A --external-id B [--undo] [--workspace NAME] [--json]',
  about: 'parts two identifiers for good, or with one of --external-id, --email, --phone, --anonymous-id that one from what it is joined to; --undo takes it back',
  flags: [...Object.keys(identifierFlags), 'undo', 'workspace', 'json'],
  run: async ({ config, flags, terminal }) => {
    const named = namedIdentifiers(flags)
    const [a, b] = named
    if (a === undefined || named.length > 2) throw new MillraceError('bad_request', `name one or two identifiers: millrace ${splitCommand.usage}`)
    const request = { workspace: flags.get('workspace') ?? 'default', split: { a, ...(b === undefined ? {} : { b }), undo: flags.has('undo') } }
    const report = await withOperations(config, (operations) => operations.call('split', request))
    terminal.out(flags.has('json') ? `${JSON.stringify(report)}\n` : renderReport(report))
    return 0
  },
}

export function namedIdentifiers(flags: ReadonlyMap<string, string>): readonly { readonly kind: string; readonly value: string }[] {
  return Object.entries(identifierFlags).flatMap(([flag, kind]) => {
    const value = flags.get(flag)
    return value === undefined ? [] : [{ kind, value }]
  })
}

function renderReport(report: unknown): string {
  const list = (name: string): readonly unknown[] => {
    const value: unknown = Reflect.get(Object(report), name)
    return Array.isArray(value) ? value : []
  }
  const text = (value: unknown, field: string): string => String(Reflect.get(Object(value), field))
  const identifier = (value: unknown): string => `${text(value, 'kind')} ${text(value, 'value')}`
  const undone = Reflect.get(Object(report), 'undone') === true
  return [
    ...list('vetoes').map((veto) => `${undone ? 'may be one person again' : 'never one person again'}: ${identifier(Reflect.get(Object(veto), 'a'))} and ${identifier(Reflect.get(Object(veto), 'b'))}`),
    ...list('moved').map((row) => `moved: ${identifier(row)} from ${text(row, 'from')} to ${text(row, 'to')}`),
    ...list('profiles').map((profile) => {
      const identifiers: unknown = Reflect.get(Object(profile), 'identifiers')
      return `profile ${text(profile, 'id')}: ${Array.isArray(identifiers) ? identifiers.map(identifier).join(', ') : ''}`
    }),
    '',
  ].join('\n')
}
