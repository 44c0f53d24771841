import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { StartedEngine } from './started-engine.ts'

export interface ServerProgram {
  readonly program: string
  /** Once, in the empty directory, before the first start. */
  readonly prepare?: (directory: string) => void
  readonly args: (port: number, directory: string) => readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly url: (port: number) => string
  /** Whether it answers; without it, whether its port takes connections. */
  readonly answers?: (port: number) => Promise<boolean>
}

const startMsMax = 60_000
const outputCharactersMax = 4_000

/** Runs one server program on a free port with a private directory; nothing of it is left after `stop`, or after this process. */
export async function startServer(server: ServerProgram): Promise<StartedEngine> {
  const port = await freePort()
  const directory = mkdtempSync(join(tmpdir(), 'millrace-engine-'))
  let child: ChildProcess | undefined
  const leave = (): void => {
    child?.kill('SIGKILL')
    rmSync(directory, { recursive: true, force: true })
  }
  const run = async (): Promise<void> => {
    child = await startProcess(server, port, directory)
  }
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const exited = once(child, 'exit')
    child.kill(signal)
    await exited
  }
  process.once('exit', leave)
  const stop = async (): Promise<void> => {
    await end('SIGKILL')
    process.off('exit', leave)
    leave()
  }
  try {
    server.prepare?.(directory)
    await run()
  } catch (error) {
    await stop()
    throw error
  }
  return { url: server.url(port), kill: () => end('SIGKILL'), restart: run, stop }
}

async function startProcess(server: ServerProgram, port: number, directory: string): Promise<ChildProcess> {
  const child = spawn(server.program, server.args(port, directory), {
    stdio: ['ignore', 'pipe', 'pipe'], cwd: directory, env: { ...process.env, ...server.env },
  })
  let output = ''
  const keep = (chunk: unknown): void => {
    output = (output + String(chunk)).slice(-outputCharactersMax)
  }
  child.stdout.on('data', keep)
  child.stderr.on('data', keep)
  child.on('error', keep)
  const answers = server.answers ?? takesConnections
  const deadline = performance.now() + startMsMax
  while (!await answers(port)) {
    if (child.pid === undefined || child.exitCode !== null || performance.now() > deadline) {
      child.kill('SIGKILL')
      throw new Error(`${server.program} did not start on port ${port}: ${output}`)
    }
    await delay(20)
  }
  return child
}

/** A port that nobody listens on, and that nobody in this process was given before: the system may name one twice until it is taken. */
export async function freePort(): Promise<number> {
  for (;;) {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    server.close()
    await once(server, 'close')
    if (address === null || typeof address === 'string') throw new Error('no free port')
    if (given.has(address.port)) continue
    given.add(address.port)
    return address.port
  }
}

const given = new Set<number>()

function takesConnections(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
