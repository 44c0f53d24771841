import { fork } from 'node:child_process'
import { once } from 'node:events'
import type { ReadLoad, ReadLoadResult } from './paced-reads.ts'

/** Runs the load in a process of its own. */
export async function runPacedReads(load: ReadLoad): Promise<ReadLoadResult> {
  const child = fork(new URL('paced-reads.ts', import.meta.url).pathname)
  const result = new Promise<ReadLoadResult>((resolve, reject) => {
    child.once('message', (message: ReadLoadResult) => resolve(message))
    child.once('exit', (code) => reject(new Error(`the load generator ended with ${String(code)}`)))
  })
  child.send(load)
  const ended = once(child, 'exit')
  const found = await result
  await ended
  return found
}
