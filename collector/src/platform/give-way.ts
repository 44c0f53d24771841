import { readdirSync } from 'node:fs'
import { setPriority } from 'node:os'

/**
 * Lets this process have a core only where nobody else wants it more: 1 to 19, the greater the more it gives way. On Linux a thread has a priority of its
 * own and passes it on to those that it starts, so those that are there already, such as V8's, are told as well. A system that does not allow it changes nothing.
 */
export function giveWay(niceness: number): void {
  for (const thread of threads()) {
    try {
      setPriority(thread, niceness)
    } catch {
      // As in some sandboxes, and for a thread that has just ended.
    }
  }
}

function threads(): readonly number[] {
  return process.platform === 'linux' ? readdirSync('/proc/self/task').map(Number) : [process.pid]
}
