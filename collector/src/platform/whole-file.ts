import { open, readFile, rename } from 'node:fs/promises'
import { dirname } from 'node:path'

/** The text of a small file; null if there is none. */
export async function readWhole(path: string): Promise<string | null> {
  return readFile(path, 'utf8').catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw error
  })
}

/** Replaces a small file as a whole: after a crash there is the old text or the new one. Mode 0600. */
export async function writeWhole(path: string, text: string): Promise<void> {
  const draft = `${path}.new`
  const file = await open(draft, 'w', 0o600)
  try {
    await file.chmod(0o600)
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(draft, path)
  await syncDirectory(dirname(path))
}

/** Without it a crash may bring the old name back; where a directory cannot be opened, as on Windows, nothing is lost but that. */
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r').catch(() => null)
  if (directory === null) return
  try {
    await directory.sync()
  } catch {
    // The file itself is synced, and its writer writes it again sooner or later.
  } finally {
    await directory.close()
  }
}
