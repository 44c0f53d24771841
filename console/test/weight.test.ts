import { gzipSync } from 'node:zlib'
import { beforeAll, describe, expect, it } from 'vitest'
import { buildConsole, type ConsoleFiles } from '../build-console.ts'

describe('the built page', () => {
  let files: ConsoleFiles

  beforeAll(async () => {
    files = await buildConsole()
  })

  it('weighs less than 150 KB compressed, all files together', () => {
    const weight = [...files.values()].reduce((sum, text) => sum + gzipSync(text, { level: 9 }).length, 0)
    expect(weight).toBeLessThan(150 * 1_024)
    expect(weight).toBeGreaterThan(10 * 1_024)
  })

  it('has no script or style within the document, and nothing from another host', () => {
    const page = files.get('index.html') ?? ''
    expect(page).toContain('<script type="module" src="/console/console.js"></script>')
    expect(page).not.toMatch(/<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc="\/console\/)/)
    for (const text of files.values()) expect(text.replaceAll(/http:\/\/www\.w3\.org\/[\w/]+/g, '')).not.toMatch(/\bhttps?:\/\/\w/)
    expect(files.get('console.css')).not.toMatch(/@import|url\((?!["']?data:)/)
  })
})
