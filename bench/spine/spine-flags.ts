import { parseArgs } from 'node:util'
import type { SpineOptions } from './run-spine.ts'

/** What the command line says; every bench of the whole path takes the same. */
export function spineFlags(): SpineOptions {
  const { values } = parseArgs({
    args: process.argv.slice(2),
    options: {
      file: { type: 'string', default: new URL('../../examples/data/online-retail-sample.csv.gz', import.meta.url).pathname },
      kills: { type: 'string', default: '0' },
      seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
      latency: { type: 'string', default: '0' },
      times: { type: 'string', default: '1' },
      connections: { type: 'string', default: '8' },
      data: { type: 'string' },
    },
  })
  return {
    file: values.file, kills: Number(values.kills), seed: Number(values.seed), latencySeconds: Number(values.latency), times: Number(values.times),
    connections: Number(values.connections), collectorFlags: [], ...(values.data === undefined ? {} : { data: values.data }),
  }
}
