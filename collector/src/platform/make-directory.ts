import { existsSync, mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { syncDirectory } from './sync-directory.ts'

/**
 * Makes a directory and what is missing above it, for the owner alone, durably: what is synced within it is lost with its name. Node's
 * own `recursive` never returns on file systems that answer ENOENT for a directory whose parent is there, as /proc does.
 */
export function makeDirectory(path: string): void {
  const parent = dirname(path)
  if (!existsSync(path)) {
    if (parent !== path) makeDirectory(parent)
    try {
      mkdirSync(path, { mode: 0o700 })
    } catch (error) {
      // Somebody else made it meanwhile.
      if (Reflect.get(Object(error), 'code') !== 'EEXIST') throw error
    }
  }
  // Also where it was there: whoever made it may have been killed before this.
  syncDirectory(parent)
}
