import { parseArgs, type ParseArgsOptionsConfig } from 'node:util'
import type { SpineOptions } from './run-spine.ts'

export interface SpineFlags {
  readonly options: SpineOptions
  /** Of the options that only this bench has. */
  readonly values: Readonly<Record<string, unknown>>
}

/** What the command line says; every bench of the whole path takes the same, and may have options of its own. */
export function spineFlags(own: ParseArgsOptionsConfig = {}): SpineFlags {
  const { values } = parseArgs({
    args: process.argv.slice(2),
    options: {
      ...own,
      file: { type: 'string', default: new URL('../../examples/data/online-retail-sample.csv.gz', import.meta.url).pathname },
      kills: { type: 'string', default: '0' },
      seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
      latency: { type: 'string', default: '0' },
      times: { type: 'string', default: '1' },
      connections: { type: 'string', default: '8' },
      data: { type: 'string' },
    },
  })
  const options: SpineOptions = {
    file: values.file, kills: Number(values.kills), seed: Number(values.seed), latencySeconds: Number(values.latency), times: Number(values.times),
    connections: Number(values.connections), collectorFlags: [], ...(values.data === undefined ? {} : { data: values.data }),
  }
  return { options, values }
}
