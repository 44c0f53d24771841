import { readFile } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import { MillraceError, messageOf } from '../platform/errors.ts'
import type { Command } from './command.ts'
import { withOperations } from './with-operations.ts'

export const settingsCommand: Command = {
  name: 'settings',
  usage: 'settings show | settings set FILE [--workspace NAME]',
  about: 'the rules by which a workspace tells people apart: prints them as JSON, or sets them from a file in that form (- for standard input)',
  flags: ['workspace'],
  run: async ({ arguments: { positional }, config, flags, terminal }) => {
    const [action = 'show', file] = positional
    const workspace = flags.get('workspace') ?? 'default'
    if (action === 'show') {
      const answer = await withOperations(config, (operations) => operations.call('settings', { workspace }))
      // What `set` takes, and nothing else.
      terminal.out(`${JSON.stringify(Reflect.get(Object(answer), 'settings'), null, 2)}\n`)
      const resolving: unknown = Reflect.get(Object(answer), 'resolving')
      if (resolving !== null) terminal.err(`${walkText(resolving)}\n`)
      return 0
    }
    if (action !== 'set' || file === undefined) throw new MillraceError('bad_request', `name a file: millrace ${settingsCommand.usage}`)
    const body = await documentIn(file)
    const answer = await withOperations(config, (operations) => operations.call('putSettings', { workspace, body }))
    const at = (name: string): unknown => Reflect.get(Object(answer), name)
    terminal.out(`version ${String(Reflect.get(Object(at('settings')), 'version'))} of the settings of ${workspace}\n`)
    if (at('resolving') !== null) terminal.out(`${walkText(at('resolving'))}\n`)
    if (typeof at('note') === 'string') terminal.out(`${String(at('note'))}\n`)
    return 0
  },
}

async function documentIn(file: string): Promise<unknown> {
  const content = file === '-' ? await text(process.stdin) : await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new MillraceError('bad_request', `${file} cannot be read: ${messageOf(cause)}`, { cause })
  })
  try {
    return JSON.parse(content)
  } catch (cause) {
    throw new MillraceError('bad_request', `${file === '-' ? 'standard input' : file} is no JSON: ${messageOf(cause)}`, { cause })
  }
}

function walkText(resolving: unknown): string {
  const at = (name: string): number => Number(Reflect.get(Object(resolving), name))
  return `who is who is solved again by version ${at('version')}, ${Math.floor(at('done') * 100)} % done; \`millrace settings show\` says how far it is`
}
