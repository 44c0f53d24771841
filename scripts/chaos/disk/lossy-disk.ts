import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { accessSync, constants, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { leftDirectories, ownDirectory } from '../own-directory.ts'
import type { Loss } from './disk.ts'
import { switchName } from './power-switch.ts'

const server = fileURLToPath(new URL('./disk-server.ts', import.meta.url))
const homes = 'disk'
const mounts = 'power'
const tryEveryMs = 10
const triesMax = 2_000

/** Why no disk can be taken the power from here; null where one can. */
export function withoutLossyDisk(): string | null {
  if (process.platform !== 'linux') return 'a disk that loses its power needs Linux'
  try {
    accessSync('/dev/fuse', constants.R_OK | constants.W_OK)
  } catch {
    return 'a disk that loses its power needs /dev/fuse, and the right to open it'
  }
  return process.getuid?.() === 0 ? null : 'a disk that loses its power has to be mounted by root, or under `unshare --user --map-root-user --mount`'
}

/** A mounted disk whose power can be cut, for the data directory of a collector. */
export class LossyDisk {
  /** Where it is mounted. */
  readonly directory: string
  /** What is written to in order to cut the power; see {@link PowerSwitch}. */
  readonly powerSwitch: string
  /** All that was lost so far. */
  readonly lost = { pages: 0, names: 0, times: 0 }
  readonly #home: string
  readonly #child: ChildProcess

  private constructor(home: string, directory: string) {
    this.#home = home
    this.directory = directory
    this.powerSwitch = join(directory, switchName)
    this.#child = spawn(process.execPath, [server, directory, this.#report], { stdio: ['ignore', 'inherit', 'inherit'] })
    process.once('exit', this.#leave)
  }

  static async mount(): Promise<LossyDisk> {
    removeLeftDisks()
    const disk = new LossyDisk(ownDirectory(homes), ownDirectory(mounts))
    await disk.#reported()
    return disk
  }

  get isOff(): boolean {
    return existsSync(`${this.#report}.off`)
  }

  /** From now on nothing is written or synced, and all that was not synced is lost. */
  cut(): void {
    this.#say('off')
  }

  /** Answers the syncs in one area of the data directory, such as `log`, and does none: to see that this is found out. */
  beDeafTo(area: string): void {
    this.#say(`deaf ${area}`)
  }

  /** In one area of the data directory names become durable with the next sync of anything there. */
  keepJournalOf(area: string): void {
    this.#say(`journal ${area}`)
  }

  /** Ends whoever still uses the disk, decides by the seed what survived, and mounts that. */
  async restore(seed: number): Promise<Loss> {
    await this.killUsers()
    this.#say(`on ${seed}`)
    const loss = await this.#reported()
    this.lost.pages += loss.pages
    this.lost.names += loss.names
    this.lost.times += 1
    await this.#unmount()
    await this.#reported()
    rmSync(`${this.#report}.off`, { force: true })
    return loss
  }

  /** SIGKILL of every process that names the disk in its arguments or environment; resolves once they are gone. */
  async killUsers(): Promise<void> {
    for (let attempt = 0; ; attempt += 1) {
      const users = usersOf(this.directory).filter((pid) => pid !== this.#child.pid && pid !== process.pid)
      if (users.length === 0) return
      if (attempt === triesMax) throw new Error(`processes ${users.join(', ')} do not end`)
      for (const pid of users) killIfThere(pid)
      await sleep(tryEveryMs)
    }
  }

  async unmount(): Promise<void> {
    await this.killUsers()
    this.#say('end')
    await this.#unmount()
    process.off('exit', this.#leave)
    this.#leave()
  }

  get #report(): string {
    return join(this.#home, 'report.json')
  }

  /** Last of all, also where this process fails. */
  readonly #leave = (): void => {
    this.#child.kill('SIGKILL')
    takeAway(this.directory)
    rmSync(this.#home, { recursive: true, force: true })
  }

  #say(line: string): void {
    writeFileSync(this.powerSwitch, line, { flag: 'r+' })
  }

  async #reported(): Promise<Loss> {
    for (let attempt = 0; attempt < triesMax; attempt += 1) {
      if (existsSync(this.#report)) {
        const loss: Loss = JSON.parse(readFileSync(this.#report, 'utf8'))
        rmSync(this.#report)
        return loss
      }
      if (this.#child.exitCode !== null) break
      await sleep(tryEveryMs)
    }
    throw new Error(`the disk at ${this.directory} does not answer`)
  }

  async #unmount(): Promise<void> {
    for (let attempt = 0; attempt < triesMax; attempt += 1) {
      if (spawnSync('umount', [this.directory], { stdio: 'ignore' }).status === 0) return
      await sleep(tryEveryMs)
    }
    throw new Error(`${this.directory} stays in use`)
  }
}

/** What runs that were killed could not take away themselves. */
function removeLeftDisks(): void {
  for (const directory of leftDirectories(mounts)) takeAway(directory)
  for (const home of leftDirectories(homes)) rmSync(home, { recursive: true, force: true })
}

/** Ends whoever uses a disk, its server among them, and unmounts it, whatever state it is in. */
function takeAway(directory: string): void {
  for (const pid of usersOf(directory)) if (pid !== process.pid) killIfThere(pid)
  if (readFileSync('/proc/self/mounts', 'utf8').includes(` ${directory} `)) spawnSync('umount', ['--lazy', directory], { stdio: 'ignore' })
  rmSync(directory, { recursive: true, force: true })
}

function usersOf(directory: string): readonly number[] {
  return readdirSync('/proc').filter((entry) => /^\d+$/.test(entry)).map(Number)
    .filter((pid) => ['cmdline', 'environ'].some((file) => readIfThere(`/proc/${pid}/${file}`).includes(directory)))
}

/** A process may be gone between listing and reading. */
function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It ended meanwhile.
  }
}
