import { fork, type ChildProcess } from 'node:child_process'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Clock } from './clock.ts'

/** A program beside this one, in whatever form this one runs: TypeScript source or built JavaScript. */
export function siblingProgram(from: string, name: string): string {
  return fileURLToPath(new URL(`${name}${extname(fileURLToPath(from))}`, from))
}

export interface Supervised {
  /** Absolute path of the program. */
  readonly program: string
  readonly name: string
  readonly clock: Clock
  /** Brings a fresh child to work; resolves when it is ready. Runs at each start. */
  begin(child: ChildProcess): Promise<void>
  /** Called when a child ended that should not have. */
  ended(how: string): void
}

export interface Supervisor {
  /** The running child's process id, if there is one. */
  pid(): number | undefined
  /** Asks the child to end (SIGTERM), then kills it after `timeoutMs`. */
  stop(timeoutMs: number): Promise<void>
}

/**
 * Keeps one child process running: a child that dies is started again after 100 ms, doubling to 5 s while it keeps
 * dying. Resolves when the first child is ready; a failure of the first start is the caller's.
 */
export async function supervise(options: Supervised): Promise<Supervisor> {
  let stopping = false
  let attempt = 0
  let child = start(options)
  await options.begin(child).catch((error: unknown) => {
    child.kill('SIGKILL')
    throw error
  })
  const watch = (watched: ChildProcess): void => {
    watched.once('exit', (code, signal) => {
      if (stopping) return
      options.ended(signal ?? `exit code ${code}`)
      void restart()
    })
  }
  const restart = async (): Promise<void> => {
    const startedAt = options.clock.elapsed()
    await options.clock.sleep(Math.min(5_000, 100 * 2 ** attempt))
    if (stopping) return
    attempt = options.clock.elapsed() - startedAt > 60_000 ? 0 : Math.min(attempt + 1, 6)
    child = start(options)
    watch(child)
    try {
      await options.begin(child)
      attempt = 0
    } catch (error) {
      options.ended(`it did not start: ${String(error)}`)
      child.kill('SIGKILL')
    }
  }
  watch(child)
  return {
    pid: () => child.pid,
    stop: async (timeoutMs) => {
      stopping = true
      await endChild(child, timeoutMs)
    },
  }
}

function start({ program }: Supervised): ChildProcess {
  // The secret parts of the configuration travel over the pipe, so the child's environment and arguments hold none.
  return fork(program, [], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], serialization: 'advanced', execArgv: [] })
}

function endChild(child: ChildProcess, timeoutMs: number): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve()
  return new Promise((resolve) => {
    const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs)
    child.once('exit', () => {
      clearTimeout(timer)
      resolve()
    })
    child.kill('SIGTERM')
  })
}
