import { type Serializable, fork } from 'node:child_process'
import { once } from 'node:events'

/** Runs a load in a process of its own: the program is sent what to do, answers what it measured, and ends. */
export async function runLoad<Result>(program: URL, load: Serializable): Promise<Result> {
  const child = fork(program.pathname)
  const result = new Promise<Result>((resolve, reject) => {
    child.once('message', (message: Result) => resolve(message))
    child.once('exit', (code) => reject(new Error(`the load generator ended with ${String(code)}`)))
  })
  child.send(load)
  const ended = once(child, 'exit')
  const found = await result
  await ended
  return found
}
