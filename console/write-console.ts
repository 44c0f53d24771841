/** Writes the built page into the directory that the argument names; the collector's package holds it. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildConsole } from './build-console.ts'

const [, , directory] = process.argv
if (directory === undefined) throw new Error('usage: node write-console.ts DIRECTORY')
mkdirSync(directory, { recursive: true })
for (const [name, text] of await buildConsole()) writeFileSync(join(directory, name), text)
