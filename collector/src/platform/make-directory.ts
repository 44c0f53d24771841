import { existsSync, mkdirSync } from 'node:fs'
import { dirname } from 'node:path'

/**
 * Makes a directory and what is missing above it, for the owner alone. Node's own `recursive` never returns on file
 * systems that answer ENOENT for a directory whose parent is there, as /proc does.
 */
export function makeDirectory(path: string): void {
  if (existsSync(path)) return
  const parent = dirname(path)
  if (parent !== path) makeDirectory(parent)
  try {
    mkdirSync(path, { mode: 0o700 })
  } catch (error) {
    // Somebody else made it meanwhile.
    if (Reflect.get(Object(error), 'code') !== 'EEXIST') throw error
  }
}
