import { mkdtempSync, readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A temporary directory whose name says whose it is, so that what a killed run left can be told from what another one uses. */
export function ownDirectory(what: string): string {
  return mkdtempSync(join(tmpdir(), `millrace-${what}-${process.pid}-`))
}

/** Those of processes that are no more. */
export function leftDirectories(what: string): readonly string[] {
  const named = new RegExp(String.raw`^millrace-${what}-(\d+)-\w{6}$`)
  return readdirSync(tmpdir()).filter((name) => {
    const owner = named.exec(name)?.[1]
    return owner !== undefined && !isThere(Number(owner))
  }).map((name) => join(tmpdir(), name))
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return Reflect.get(Object(error), 'code') === 'EPERM'
  }
}
