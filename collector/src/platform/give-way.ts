import { setPriority } from 'node:os'

/**
 * Lets this process have a core only where nobody else wants it more: 1 to 19, the greater the more it gives way. Threads that it has already
 * keep theirs on Linux. A system that does not allow it changes nothing.
 */
export function giveWay(niceness: number): void {
  try {
    setPriority(niceness)
  } catch {
    // As some sandboxes do.
  }
}
