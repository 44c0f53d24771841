import { readFile } from 'node:fs/promises'

const builtFolder = new URL('./console/', import.meta.url)
const isBuilt = import.meta.url.endsWith('.js')

/** The console's files: beside the built program as they were packed, in a clone built now from its source. */
export async function readConsoleFiles(): Promise<ReadonlyMap<string, string>> {
  if (!isBuilt) return (await import('@millrace/console')).buildConsole()
  const names = ['index.html', 'console.js', 'console.css']
  return new Map(await Promise.all(names.map(async (name) => [name, await readFile(new URL(name, builtFolder), 'utf8')] as const)))
}
