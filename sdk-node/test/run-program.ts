import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

export interface ProgramEnd {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly output: string
  readonly errors: string
}

export interface RunningProgram {
  readonly child: ChildProcess
  readonly end: Promise<ProgramEnd>
  /** Resolves when it has printed this. */
  printed(text: string): Promise<void>
}

/** Starts a program of `test/programs` in a process of its own. */
export function startProgram(name: string, ...words: readonly string[]): RunningProgram {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'programs', name), ...words], { stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  let errors = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
    child.emit('printed')
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text
  })
  const end = once(child, 'close').then(() => ({ code: child.exitCode, signal: child.signalCode, output, errors }))
  return {
    child, end,
    printed: async (text) => {
      while (!output.includes(text)) await Promise.race([once(child, 'printed'), end.then(() => { throw new Error(`it ended without ${text}: ${output}${errors}`) })])
    },
  }
}

export function runProgram(name: string, ...words: readonly string[]): Promise<ProgramEnd> {
  return startProgram(name, ...words).end
}
