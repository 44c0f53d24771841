import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export const testKeys = { writeKey: 'wk_test_0123456789abcdef0123', secretKey: 'sk_test_0123456789abcdef0123' }

const program = fileURLToPath(new URL('../src/main.ts', import.meta.url))

/** `millrace serve` as a process of its own, as a user runs it, that can be killed and started again. */
export class CollectorProcess {
  readonly #data: string
  readonly #flags: readonly string[]
  /** Of the starts to come, beside what this process has itself. */
  environment: Readonly<Record<string, string>> = {}
  #child: ChildProcess | null = null
  #url = ''
  #printed = ''

  constructor(data: string, flags: readonly string[] = []) {
    this.#data = data
    this.#flags = flags
  }

  /** Changes with every start. */
  get url(): string {
    return this.#url
  }

  /** The last of what it printed since its start. */
  get printed(): string {
    return this.#printed
  }

  /** Resolves when it says that it is ready; fails with what it printed if it ends before. */
  async start(): Promise<void> {
    const child = spawn(process.execPath, [program, 'serve', '--data', this.#data, '--port', '0', ...this.#flags], {
      env: { ...process.env, ...this.environment, MILLRACE_WRITE_KEY: testKeys.writeKey, MILLRACE_SECRET_KEY: testKeys.secretKey },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#child = child
    this.#printed = ''
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#printed = (this.#printed + text).slice(-10_000)
    })
    this.#url = await new Promise((resolve, reject) => {
      child.stdout?.setEncoding('utf8').on('data', (text: string) => {
        this.#printed = (this.#printed + text).slice(-10_000)
        const ready = /^millrace ready (\S+)$/m.exec(this.#printed)
        if (ready?.[1] !== undefined) resolve(ready[1])
      })
      child.once('exit', (code, signal) => reject(new Error(`the collector ended (${code ?? signal}) and printed:\n${this.#printed}`)))
    })
  }

  /** Its process and all below it, parents first. Linux only. */
  processes(): readonly { readonly pid: number; readonly name: string }[] {
    const root = this.#child?.pid
    if (root === undefined || this.#child?.exitCode !== null || this.#child.signalCode !== null) return []
    const parents = new Map<number, number>()
    for (const entry of readdirSync('/proc')) {
      if (!/^\d+$/.test(entry)) continue
      const stat = readOrEmpty(`/proc/${entry}/stat`)
      parents.set(Number(entry), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]))
    }
    const found = [root]
    for (const pid of found) for (const [child, parent] of parents) if (parent === pid) found.push(child)
    return found.map((pid) => ({ pid, name: nameOf(pid, root) }))
  }

  /** kill -9 of `collector` (which takes the others with it, as they notice), `worker` or `engine`. */
  async kill(name: string): Promise<void> {
    const victim = this.processes().find((entry) => entry.name === name)
    if (victim === undefined) return
    signalIfThere(victim.pid, 'SIGKILL')
    if (name === 'collector') await this.ended()
  }

  /** To all its processes: SIGSTOP and SIGCONT make a zombie of it and wake it up. */
  signal(name: NodeJS.Signals): void {
    for (const { pid } of this.processes()) signalIfThere(pid, name)
  }

  /** SIGTERM; answers the exit code. */
  async stop(): Promise<number | null> {
    this.#child?.kill('SIGTERM')
    return this.ended()
  }

  /** Resolves once the collector has ended by itself or by force. */
  async ended(): Promise<number | null> {
    const child = this.#child
    if (child === null) return null
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    return child.exitCode
  }
}

/** A process may end by itself meanwhile. */
function signalIfThere(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch (error) {
    if (Reflect.get(Object(error), 'code') !== 'ESRCH') throw error
  }
}

function nameOf(pid: number, root: number): string {
  if (pid === root) return 'collector'
  const command = readOrEmpty(`/proc/${pid}/cmdline`)
  return command.includes('engine-child') ? 'engine' : command.includes('worker') ? 'worker' : 'other'
}

/** A process may be gone between listing and reading. */
function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
