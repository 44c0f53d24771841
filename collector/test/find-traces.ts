import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { gunzipSync, zstdDecompressSync } from 'node:zlib'

/** Files below the directory that hold the text, in any case, plain or gzipped. What is compressed otherwise is asked for by other means. */
export async function traces(directory: string, text: string): Promise<readonly string[]> {
  const found: string[] = []
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    const bytes = readFileSync(path)
    const content = path.endsWith('.zst') ? zstdDecompressSync(bytes) : path.endsWith('.gz') ? gunzipSync(bytes) : bytes
    if (content.toString('latin1').toLowerCase().includes(text.toLowerCase())) found.push(relative(directory, path))
  }
  return found
}
