import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const place = join(tmpdir(), 'millrace-installing')
const waitMs = 200
/** Longer than the slowest installation. */
const waitMsMax = 900_000
/** Installations under way in this process: one may need another. */
let under = 0

/** Installs while no other process of the tests does: package managers refuse a second one, and both would make the same files. */
export function installing<T>(work: () => T): T {
  if (under === 0) take()
  under += 1
  try {
    return work()
  } finally {
    under -= 1
    if (under === 0) rmSync(place, { force: true })
  }
}

function take(): void {
  for (let waited = 0; waited < waitMsMax; waited += waitMs) {
    try {
      writeFileSync(place, String(process.pid), { flag: 'wx' })
      return
    } catch (error) {
      if (Reflect.get(Object(error), 'code') !== 'EEXIST') throw error
    }
    if (isLeft()) rmSync(place, { force: true })
    else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, waitMs)
  }
  throw new Error(`another process has been installing for ${waitMsMax / 60_000} minutes (${place})`)
}

/** Whoever took it is no more. */
function isLeft(): boolean {
  try {
    const pid = Number(readFileSync(place, 'utf8'))
    // Written in two steps, so it may be empty for a moment.
    if (pid > 0) process.kill(pid, 0)
    return false
  } catch (error) {
    return Reflect.get(Object(error), 'code') === 'ESRCH'
  }
}
