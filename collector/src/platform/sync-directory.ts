import { closeSync, fsyncSync, openSync } from 'node:fs'

/** Windows has no such thing, and some file systems refuse it; there a name is durable when the file system says so. */
const without: readonly unknown[] = ['EISDIR', 'EPERM', 'EACCES', 'EINVAL', 'ENOTSUP']

/** Makes the names in a directory durable: those that were made, changed and removed. The sync of a file does not keep its name. */
export function syncDirectory(path: string): void {
  let handle: number
  try {
    handle = openSync(path, 'r')
  } catch (error) {
    if (without.includes(codeOf(error))) return
    throw error
  }
  try {
    fsyncSync(handle)
  } catch (error) {
    if (!without.includes(codeOf(error))) throw error
  } finally {
    closeSync(handle)
  }
}

function codeOf(error: unknown): unknown {
  return Reflect.get(Object(error), 'code')
}
