import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const program = fileURLToPath(new URL('../../collector/src/main.ts', import.meta.url))

/** `millrace demo` as a user starts it, with purchases of a file, on a free port. */
export class DemoProcess {
  readonly #child: ChildProcess
  #printed = ''

  constructor(file: string, data: string) {
    this.#child = spawn(process.execPath, [program, 'demo', '--file', file, '--data', data, '--port', '0'], { stdio: ['ignore', 'pipe', 'pipe'] })
    for (const stream of [this.#child.stdout, this.#child.stderr]) stream?.setEncoding('utf8').on('data', (text: string) => {
      this.#printed += text
    })
  }

  /** Resolves when it serves; fails with what it printed if it ends before. */
  async ready(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const look = (): void => {
        if (/^millrace ready /m.test(this.#printed)) resolve()
      }
      this.#child.stdout?.on('data', look)
      this.#child.once('exit', (code, signal) => reject(new Error(`the demo ended (${code ?? signal}) and printed:\n${this.#printed}`)))
    })
  }

  get url(): string {
    return this.#found(/^millrace ready (\S+)$/m)
  }

  /** The address of the console that it prints, with the secret key behind the #. */
  get consoleLink(): string {
    return this.#found(/the console +(http\S+)/)
  }

  get secretKey(): string {
    return this.#found(/#key=(\S+)/)
  }

  get writeKey(): string {
    return this.#found(/curl -u ([^:]+):/)
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    this.#child.kill('SIGTERM')
    await once(this.#child, 'exit')
  }

  #found(pattern: RegExp): string {
    const [, found] = pattern.exec(this.#printed) ?? []
    if (found === undefined) throw new Error(`the demo does not print ${String(pattern)}:\n${this.#printed}`)
    return found
  }
}
