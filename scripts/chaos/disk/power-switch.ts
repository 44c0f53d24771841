import { Inode } from './disk.ts'
import { attributesReply, entryReply, errors, openBytes, opcodes, readNames, type Request } from './fuse-wire.ts'
import type { Answer } from './fuse-volume.ts'

/** In the root of every mount; no listing shows it. */
export const switchName = '.power'

const switchNode = 2 ** 52
const directIo = 1

/** The file that a line is written to in order to cut the power of a disk, to bring it back, and so on. */
export class PowerSwitch {
  readonly #inode = new Inode('file', { mode: 0o100600, area: '', now: 0 })
  readonly #commands: Readonly<Record<string, (argument: string) => void>>

  constructor(commands: Readonly<Record<string, (argument: string) => void>>) {
    this.#commands = commands
  }

  /** Undefined where the request is about something else. */
  answer({ opcode, node, body }: Request, reply: Buffer): Answer | undefined {
    if (opcode === opcodes.lookup && node === 1 && readNames(body, 0)[0] === switchName) return entryReply(reply, switchNode, this.#inode)
    if (node !== switchNode) return undefined
    if (opcode === opcodes.getattr || opcode === opcodes.setattr) return attributesReply(reply, switchNode, this.#inode)
    if (opcode === opcodes.release) return 0
    if (opcode === opcodes.forget || opcode === opcodes.interrupt) return null
    if (opcode === opcodes.open) {
      reply.fill(0, 0, openBytes)
      reply.writeUInt32LE(directIo, 8)
      return openBytes
    }
    if (opcode === opcodes.write) return this.#obey(body.toString('utf8', 40, 40 + body.readUInt32LE(16)), reply)
    return -errors.noSystemCall
  }

  #obey(line: string, reply: Buffer): number {
    const [, name = '', argument = ''] = /^(\w+) ?(\S*)$/.exec(line.trim()) ?? []
    const command = this.#commands[name]
    if (command === undefined) return -errors.invalid
    command(argument)
    reply.fill(0, 0, 8)
    reply.writeUInt32LE(Buffer.byteLength(line), 0)
    return 8
  }
}
