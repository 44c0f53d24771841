import { createMillrace } from './create-millrace.ts'
import type { Millrace, MillraceOptions } from './millrace.ts'

/** The script-tag build: makes the calls that the snippet kept, as of their time and page, and takes its place as `millrace`. */

interface Snippet {
  readonly options?: MillraceOptions
  readonly calls?: readonly KeptCall[]
}

type KeptCall = readonly [name: string, args: readonly unknown[], time: Date, page: object]

declare const window: { millrace?: Snippet }

function replay(millrace: Millrace, [name, args, timestamp, page]: KeptCall): void {
  const method: unknown = Reflect.get(millrace, name)
  const withMoment = (options: unknown): object => {
    const given: { readonly context?: object } = Object(options)
    return { timestamp, ...given, context: { page, ...given.context } }
  }
  if (typeof method !== 'function') return
  if (name === 'page' || name === 'screen') {
    const names = args.filter((arg) => typeof arg === 'string')
    const [properties, options] = args.filter((arg) => typeof arg === 'object')
    Reflect.apply(method, millrace, [...names, { ...page, ...properties }, withMoment(options)])
  } else if (['identify', 'track', 'group', 'alias'].includes(name)) {
    // An identify may leave the id out.
    const [first, second, options] = typeof args[0] === 'object' ? [undefined, ...args] : args
    Reflect.apply(method, millrace, [first, second, withMoment(options)])
  } else Reflect.apply(method, millrace, [...args])
}

const snippet = window.millrace ??= {}
if (snippet.options === undefined) Object.assign(snippet, { createMillrace })
else {
  const { options, calls = [] } = snippet
  const millrace = createMillrace(options)
  // Whoever holds a function of the snippet may go on calling it.
  Object.assign(snippet, millrace, { createMillrace, calls: { push: (call: KeptCall) => replay(millrace, call) } })
  for (const call of calls) replay(millrace, call)
}
