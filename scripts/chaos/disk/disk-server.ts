/**
 * Serves a disk in memory as a file system that loses what was not synced when its power is cut. `disk-server.ts DIRECTORY REPORT`:
 * where it is mounted, and the file in which it says as JSON what each power loss took. Commands come through the power switch. It
 * only ever waits for the kernel, so the requests of all processes are answered one after another and at once.
 */
import { spawnSync } from 'node:child_process'
import { openSync, readSync, renameSync, writeFileSync, writeSync, closeSync } from 'node:fs'
import { randomFrom } from '../../../collector/test/kill-at-random.ts'
import { Disk } from './disk.ts'
import { FuseVolume } from './fuse-volume.ts'
import { errors, opcodes, outHeaderBytes, readRequest, type Request, writeBytesMax } from './fuse-wire.ts'
import { PowerSwitch } from './power-switch.ts'

const [directory = '', report = ''] = process.argv.slice(2)
const disk = new Disk(() => Date.now())
let on = true
let ended = false

const control = new PowerSwitch({
  off: () => {
    on = false
    writeFileSync(`${report}.off`, '')
  },
  /** What survived is there at the next mount; this one only has to be taken away. */
  on: (seed) => {
    on = false
    say(disk.losePower(randomFrom(Number(seed))))
  },
  deaf: (area) => void disk.deafAreas.add(area),
  journal: (area) => void disk.journalAreas.add(area),
  end: () => {
    ended = true
  },
})

/** Whatever still works while there is no power: what the kernel tells and does not ask. */
const withoutPower: ReadonlySet<number> = new Set([opcodes.init, opcodes.forget, opcodes.batchForget, opcodes.interrupt, opcodes.destroy, opcodes.release, opcodes.releasedir])

while (!ended) {
  on = true
  serveMount(mount())
}

function mount(): number {
  const device = openSync('/dev/fuse', 'r+')
  const options = `fd=3,rootmode=40000,user_id=${process.getuid?.() ?? 0},group_id=${process.getgid?.() ?? 0},max_read=${writeBytesMax}`
  const mounted = spawnSync('mount', ['-i', '-t', 'fuse', '-o', options, 'millrace-chaos', directory], { stdio: ['ignore', 'ignore', 'pipe', device], encoding: 'utf8' })
  if (mounted.status !== 0) throw new Error(`mount: ${mounted.error?.message ?? mounted.stderr}`)
  return device
}

/** Until it is taken away. */
function serveMount(device: number): void {
  const volume = new FuseVolume(disk)
  const message = Buffer.alloc(writeBytesMax + 8_192)
  const reply = Buffer.alloc(writeBytesMax + 8_192)
  for (;;) {
    const length = next(device, message)
    if (length === null) break
    const request = readRequest(message.subarray(0, length))
    const answer = answerTo(volume, request, reply.subarray(outHeaderBytes))
    if (answer !== null) send(device, request, { reply, answer })
    if (request.opcode === opcodes.init) say({ pages: 0, names: 0 })
  }
  closeSync(device)
}

function answerTo(volume: FuseVolume, request: Request, reply: Buffer): number | null {
  const controlled = control.answer(request, reply)
  if (controlled !== undefined) return controlled
  return on || withoutPower.has(request.opcode) ? volume.answer(request, reply) : -errors.io
}

/** Null once the mount is gone. */
function next(device: number, message: Buffer): number | null {
  for (;;) {
    try {
      return readSync(device, message)
    } catch (error) {
      const code = codeOf(error)
      if (code === 'ENODEV') return null
      // A request that was taken back while it was read.
      if (code !== 'ENOENT' && code !== 'EINTR' && code !== 'EAGAIN') throw error
    }
  }
}

function send(device: number, { unique }: Request, { reply, answer }: { readonly reply: Buffer; readonly answer: number }): void {
  const length = outHeaderBytes + Math.max(0, answer)
  reply.writeUInt32LE(length, 0)
  reply.writeInt32LE(Math.min(0, answer), 4)
  unique.copy(reply, 8)
  try {
    writeSync(device, reply, 0, length)
  } catch (error) {
    // Whoever asked was killed meanwhile.
    if (codeOf(error) !== 'ENOENT') throw error
  }
}

/** Whole or not there, since somebody waits for it. */
function say(what: unknown): void {
  writeFileSync(`${report}.new`, JSON.stringify(what))
  renameSync(`${report}.new`, report)
}

function codeOf(error: unknown): unknown {
  return Reflect.get(Object(error), 'code')
}
