import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { type Browser, chromium } from 'playwright-core'
import { debianProgram } from './debian-program.ts'
import type { MissingEngine } from './started-engine.ts'

/** Chromium of the Debian package, without a window and without calls of its own to anywhere. */
export async function startChromium(): Promise<Browser | MissingEngine> {
  const program = debianProgram('chromium', 'chromium')
  if (typeof program !== 'string') return program
  return chromium.launch({
    // Playwright does not look for programs itself.
    executablePath: (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, program)).find((path) => existsSync(path)) ?? program,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  })
}
