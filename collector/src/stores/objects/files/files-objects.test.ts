import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
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
  it('never list what a crash left half written', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'millrace-objects-'))
    const objects = openFilesObjects({ directory })
    mkdirSync(join(directory, 'raw'))
    writeFileSync(join(directory, 'raw', 'a~'), 'ha')
    expect(await objects.list('raw/', 10)).toEqual([])
    await objects.put('raw/a', Buffer.from('whole'))
    expect(await objects.list('raw/', 10)).toEqual(['raw/a'])
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
