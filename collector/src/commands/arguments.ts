import { MillraceError } from '../platform/errors.ts'

export interface Arguments {
  readonly command: string
  readonly positional: readonly string[]
  /** Flag name without dashes to its text; '' for a flag without a value. */
  readonly flags: ReadonlyMap<string, string>
}

/** Flags that take no value; every other flag takes the next word, or what follows its `=`. */
const switches = new Set(['json', 'exit', 'help', 'dry-run', 'webhook-allow-private', 'quiet', 'undo'])

/** Flags that may be given several times; their values come joined by line breaks. */
const repeatable = new Set(['map'])

/** Splits a command line. Fails with `bad_config` for a flag given twice or without its value. */
export function parseArguments(words: readonly string[]): Arguments {
  const positional: string[] = []
  const flags = new Map<string, string>()
  for (let index = 0; index < words.length; index += 1) {
    const word = words[index] ?? ''
    if (!word.startsWith('--') || word === '--') {
      if (word !== '--') positional.push(word)
      continue
    }
    const [name, inline] = splitOnce(word.slice(2))
    if (flags.has(name) && !repeatable.has(name)) throw new MillraceError('bad_config', `--${name} is given twice`)
    const before = repeatable.has(name) && flags.has(name) ? `${flags.get(name)}\n` : ''
    if (inline !== undefined) flags.set(name, before + inline)
    else if (switches.has(name)) flags.set(name, '')
    else {
      index += 1
      const value = words[index]
      if (value === undefined) throw new MillraceError('bad_config', `--${name} needs a value`)
      flags.set(name, before + value)
    }
  }
  const [command = 'help', ...rest] = positional
  return { command: flags.has('help') && positional.length === 0 ? 'help' : command, positional: rest, flags }
}

function splitOnce(text: string): readonly [string, string?] {
  const at = text.indexOf('=')
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)]
}

/** Takes a command's own flags out, so that what is left must be configuration. */
export function takeFlags(
  { flags }: Arguments, names: readonly string[],
): { readonly own: ReadonlyMap<string, string>; readonly config: ReadonlyMap<string, string> } {
  const own = new Map([...flags].filter(([name]) => names.includes(name)))
  const config = new Map([...flags].filter(([name]) => !names.includes(name)))
  return { own, config }
}
