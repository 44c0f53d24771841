import { mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { objectsContract } from '../../../../test/contracts/objects-contract.ts'
import { openFilesObjects } from './files-objects.ts'

objectsContract('files', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-objects-'))
  return { objects: openFilesObjects({ directory }), cleanup: async () => rmSync(directory, { recursive: true }) }
})

describe('objects in files', () => {
  it('never list what a crash left half written, and remove it when it is old', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'millrace-objects-'))
    openFilesObjects({ directory })
    writeFileSync(join(directory, '~', 'old'), 'ha')
    utimesSync(join(directory, '~', 'old'), 1, 1)
    // Another process may be writing it now.
    writeFileSync(join(directory, '~', 'young'), 'ha')
    const objects = openFilesObjects({ directory })
    expect(readdirSync(join(directory, '~'))).toEqual(['young'])
    await objects.put('raw/a', Buffer.from('whole'))
    expect(await objects.list('', 10)).toEqual(['raw/a'])
    rmSync(directory, { recursive: true })
  })

  it('say what to do where the disk refuses', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'millrace-objects-'))
    const objects = openFilesObjects({ directory })
    writeFileSync(join(directory, 'raw'), 'a file where a directory should be')
    await expect(objects.put('raw/a', Buffer.from('x'))).rejects.toMatchObject({ code: 'unavailable', retryable: true })
    rmSync(directory, { recursive: true })
  })
})
