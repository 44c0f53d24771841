import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'
import { LossyDisk, withoutLossyDisk } from './lossy-disk.ts'

const missing = withoutLossyDisk()
const disk = fileURLToPath(new URL('./lossy-disk.ts', import.meta.url))
const chaos = fileURLToPath(new URL('../../chaos.ts', import.meta.url))
let child: ChildProcess

function run(...words: readonly string[]): number {
  child = spawn(process.execPath, words, { stdio: 'ignore' })
  return child.pid ?? 0
}

/** Mounts, directories and processes of the disks of one process. */
function leftOf(pid: number): readonly string[] {
  const own = new RegExp(`millrace-(?:power|disk|chaos)-${pid}-`)
  const processes = readdirSync('/proc').filter((entry) => /^\d+$/.test(entry) && entry !== String(pid)).filter((entry) => own.test(readOrEmpty(`/proc/${entry}/cmdline`)))
  return [...readFileSync('/proc/self/mounts', 'utf8').split('\n').filter((line) => own.test(line)), ...readdirSync(tmpdir()).filter((name) => own.test(name)), ...processes]
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

async function mounted(pid: number): Promise<void> {
  await expect.poll(() => leftOf(pid).some((line) => line.startsWith('millrace-chaos /')), { timeout: 30_000 }).toBe(true)
}

describe.skipIf(missing !== null)(`a disk in memory${missing === null ? '' : `: ${missing}`}`, () => {
  afterEach(() => child.kill('SIGKILL'))

  it('is taken away by the next start where its owner was killed, and only then', async () => {
    const pid = run('--input-type=module', '-e', `import { LossyDisk } from ${JSON.stringify(disk)}; await LossyDisk.mount(); setInterval(() => {}, 1_000)`)
    await mounted(pid)
    const beside = await LossyDisk.mount()
    expect(leftOf(pid)).not.toEqual([])
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect(leftOf(pid)).not.toEqual([])
    const next = await LossyDisk.mount()
    expect(leftOf(pid)).toEqual([])
    // The other disks are as they were.
    for (const { directory } of [beside, next]) {
      writeFileSync(join(directory, 'file'), 'there')
      expect(readFileSync(join(directory, 'file'), 'utf8')).toBe('there')
    }
    await beside.unmount()
    await next.unmount()
    expect([beside, next].filter(({ directory }) => existsSync(directory))).toEqual([])
  })

  it.each([['SIGINT', 130], ['SIGTERM', 143]] as const)('is taken away with all that runs on it by a run of chaos that ends with %s', async (signal, code) => {
    const pid = run(chaos, '--point', 'edge.answer', '--kinds', 'kills')
    await mounted(pid)
    child.kill(signal)
    expect((await once(child, 'exit'))[0]).toBe(code)
    await expect.poll(() => leftOf(pid), { timeout: 10_000 }).toEqual([])
  })
})
