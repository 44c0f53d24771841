import { constants } from 'node:fs'
import type { Disk, Inode, Kind } from './disk.ts'
import {
  attributesReply, directoryReply, entryBytes, entryReply, type Entry, errors, initReply, openBytes, opcodes, readNames, readU64, type Request, statfsReply, writeU64,
} from './fuse-wire.ts'

/** Fails a request with an error number of the system. */
class Refusal extends Error {
  readonly code: number

  constructor(code: number) {
    super(`error ${code}`)
    this.code = code
  }
}

/** What a request is answered with: so many bytes of the reply, minus an error number, or not at all. */
export type Answer = number | null

type Handler = (inode: Inode, body: Buffer, reply: Buffer) => Answer

const rootNode = 1
const [renameNoReplace, renameExchange] = [1, 2]
const [setMode, setSize, setTime] = [1, 8, 32]
/** Of a write: it returns when it is on disk. */
const dataSync = constants.O_DSYNC
/** Of fallocate: the length stays. */
const keepSize = 1
const formatMask = 0o170000

/** A disk as the kernel asks for it, for one mount: node ids are given out as names are looked up. */
export class FuseVolume {
  readonly #disk: Disk
  readonly #byNode = new Map<number, { readonly inode: Inode; lookups: number }>()
  readonly #nodeOf = new Map<Inode, number>()
  readonly #listings = new Map<number, readonly Entry[]>()
  #lastNode = rootNode
  #lastListing = 0
  readonly #handlers: ReadonlyMap<number, Handler>

  constructor(disk: Disk) {
    this.#disk = disk
    this.#byNode.set(rootNode, { inode: disk.root, lookups: 1 })
    this.#nodeOf.set(disk.root, rootNode)
    this.#handlers = new Map<number, Handler>([
      [opcodes.init, (_, body, reply) => initReply(reply, body)],
      [opcodes.statfs, (_, __, reply) => statfsReply(reply)],
      [opcodes.lookup, (directory, body, reply) => this.#lookup(directory, body, reply)],
      [opcodes.getattr, (inode, _, reply) => this.#attributes(inode, reply)],
      [opcodes.setattr, (inode, body, reply) => this.#setAttributes(inode, body, reply)],
      [opcodes.readlink, ({ target }, _, reply) => reply.write(target)],
      [opcodes.symlink, (directory, body, reply) => this.#symlink(directory, body, reply)],
      [opcodes.mknod, (directory, body, reply) => this.#entry(this.#make(directory, { mode: body.readUInt32LE(0), name: nameAt(body, 16) }), reply)],
      [opcodes.mkdir, (directory, body, reply) => this.#entry(this.#make(directory, { mode: 0o40000 | body.readUInt32LE(0), name: nameAt(body, 8) }), reply)],
      [opcodes.create, (directory, body, reply) => this.#create(directory, body, reply)],
      [opcodes.unlink, (directory, body) => this.#remove(directory, nameAt(body, 0))],
      [opcodes.rmdir, (directory, body) => this.#remove(directory, nameAt(body, 0))],
      [opcodes.rename, (directory, body) => this.#rename(directory, { body, flags: 0, at: 8 })],
      [opcodes.rename2, (directory, body) => this.#rename(directory, { body, flags: body.readUInt32LE(8), at: 16 })],
      [opcodes.link, (directory, body, reply) => this.#link(directory, body, reply)],
      [opcodes.open, (_, __, reply) => openReply(reply, 0)],
      [opcodes.opendir, (directory, _, reply) => this.#openDirectory(directory, reply)],
      [opcodes.readdir, (_, body, reply) => directoryReply(reply, this.#listings.get(readU64(body, 0)) ?? [], { offset: readU64(body, 8), size: body.readUInt32LE(16) })],
      [opcodes.releasedir, (_, body) => this.#closeDirectory(body)],
      [opcodes.release, () => 0],
      [opcodes.destroy, () => 0],
      [opcodes.read, ({ content }, body, reply) => content.read(reply, readU64(body, 8), body.readUInt32LE(16))],
      [opcodes.write, (inode, body, reply) => this.#write(inode, body, reply)],
      [opcodes.fallocate, (inode, body) => this.#allocate(inode, body)],
      [opcodes.fsync, (inode) => this.#sync(inode)],
      [opcodes.fsyncdir, (inode) => this.#sync(inode)],
    ])
  }

  answer({ opcode, node, body }: Request, reply: Buffer): Answer {
    if (opcode === opcodes.interrupt) return null
    if (opcode === opcodes.forget) return this.#forget(node, readU64(body, 0))
    if (opcode === opcodes.batchForget) return this.#forgetAll(body)
    const handler = this.#handlers.get(opcode)
    const known = this.#byNode.get(node === 0 ? rootNode : node)
    if (handler === undefined) return -errors.noSystemCall
    if (known === undefined) return -errors.noEntry
    try {
      return handler(known.inode, body, reply)
    } catch (error) {
      if (error instanceof Refusal) return -error.code
      throw error
    }
  }

  #lookup(directory: Inode, body: Buffer, reply: Buffer): number {
    const inode = directory.names.get(nameAt(body, 0))
    return inode === undefined ? entryReply(reply, 0, null) : this.#entry(inode, reply)
  }

  /** The kernel knows the inode once more, until it says that it forgot it. */
  #entry(inode: Inode, reply: Buffer): number {
    const node = this.#nodeOf.get(inode) ?? (this.#lastNode += 1)
    const known = this.#byNode.get(node)
    if (known === undefined) this.#byNode.set(node, { inode, lookups: 1 })
    else known.lookups += 1
    this.#nodeOf.set(inode, node)
    return entryReply(reply, node, inode)
  }

  #forget(node: number, lookups: number): null {
    const known = this.#byNode.get(node)
    if (known === undefined || node === rootNode) return null
    known.lookups -= lookups
    if (known.lookups <= 0) {
      this.#byNode.delete(node)
      this.#nodeOf.delete(known.inode)
    }
    return null
  }

  #forgetAll(body: Buffer): null {
    for (let index = 0; index < body.readUInt32LE(0); index += 1) this.#forget(readU64(body, 8 + index * 16), readU64(body, 16 + index * 16))
    return null
  }

  #attributes(inode: Inode, reply: Buffer): number {
    return attributesReply(reply, this.#nodeOf.get(inode) ?? rootNode, inode)
  }

  #setAttributes(inode: Inode, body: Buffer, reply: Buffer): number {
    const valid = body.readUInt32LE(0)
    if ((valid & setMode) !== 0) inode.mode = (inode.mode & formatMask) | (body.readUInt32LE(68) & ~formatMask)
    if ((valid & setSize) !== 0) inode.content.resize(readU64(body, 16))
    if ((valid & (setSize | setTime)) !== 0) inode.modifiedMs = Date.now()
    if ((valid & setTime) !== 0) inode.modifiedMs = readU64(body, 40) * 1_000 + body.readUInt32LE(60) / 1_000_000
    return this.#attributes(inode, reply)
  }

  #make(directory: Inode, { mode, name }: { readonly mode: number; readonly name: string }): Inode {
    if (directory.names.has(name)) throw new Refusal(errors.exists)
    return this.#disk.make(kindOf(mode), { directory, mode, name })
  }

  #create(directory: Inode, body: Buffer, reply: Buffer): number {
    this.#entry(this.#make(directory, { mode: 0o100000 | body.readUInt32LE(4), name: nameAt(body, 16) }), reply)
    return entryBytes + openReply(reply.subarray(entryBytes), 0)
  }

  #symlink(directory: Inode, body: Buffer, reply: Buffer): number {
    const [name = '', target = ''] = readNames(body, 0)
    const inode = this.#make(directory, { mode: 0o120777, name })
    inode.target = target
    return this.#entry(inode, reply)
  }

  #link(directory: Inode, body: Buffer, reply: Buffer): number {
    const inode = this.#byNode.get(readU64(body, 0))?.inode
    if (inode === undefined) throw new Refusal(errors.noEntry)
    const name = nameAt(body, 8)
    if (directory.names.has(name)) throw new Refusal(errors.exists)
    this.#disk.change([{ directory, name, inode }])
    return this.#entry(inode, reply)
  }

  #remove(directory: Inode, name: string): number {
    const inode = directory.names.get(name)
    if (inode === undefined) throw new Refusal(errors.noEntry)
    if (inode.names.size > 0) throw new Refusal(errors.notEmpty)
    this.#disk.change([{ directory, name, inode: null }])
    return 0
  }

  #rename(directory: Inode, { body, flags, at }: { readonly body: Buffer; readonly flags: number; readonly at: number }): number {
    const into = this.#byNode.get(readU64(body, 0))?.inode
    const [from = '', to = ''] = readNames(body, at)
    const inode = directory.names.get(from)
    const before = into?.names.get(to)
    if (into === undefined || inode === undefined) throw new Refusal(errors.noEntry)
    if (flags === renameExchange) {
      if (before === undefined) throw new Refusal(errors.noEntry)
      this.#disk.change([{ directory, name: from, inode: before }, { directory: into, name: to, inode }])
      return 0
    }
    if (before !== undefined && (flags & renameNoReplace) !== 0) throw new Refusal(errors.exists)
    if (before !== undefined && before !== inode && before.names.size > 0) throw new Refusal(errors.notEmpty)
    if (before !== inode) this.#disk.change([{ directory, name: from, inode: null }, { directory: into, name: to, inode }])
    return 0
  }

  #openDirectory(directory: Inode, reply: Buffer): number {
    this.#lastListing += 1
    this.#listings.set(this.#lastListing, [...directory.names].map(([name, { mode }]) => ({ name, mode })))
    return openReply(reply, this.#lastListing)
  }

  #closeDirectory(body: Buffer): number {
    this.#listings.delete(readU64(body, 0))
    return 0
  }

  #write(inode: Inode, body: Buffer, reply: Buffer): number {
    const size = body.readUInt32LE(16)
    inode.content.write(body.subarray(40, 40 + size), readU64(body, 8))
    inode.modifiedMs = Date.now()
    if ((body.readUInt32LE(32) & dataSync) !== 0) this.#disk.sync(inode)
    reply.fill(0, 0, 8)
    reply.writeUInt32LE(size, 0)
    return 8
  }

  #allocate({ content }: Inode, body: Buffer): number {
    const mode = body.readUInt32LE(24)
    if ((mode & ~keepSize) !== 0) return -errors.notSupported
    if (mode === 0) content.resize(Math.max(content.size, readU64(body, 8) + readU64(body, 16)))
    return 0
  }

  #sync(inode: Inode): number {
    this.#disk.sync(inode)
    return 0
  }
}

function nameAt(body: Buffer, at: number): string {
  return readNames(body, at)[0] ?? ''
}

function kindOf(mode: number): Kind {
  const format = mode & formatMask
  return format === 0o100000 || format === 0 ? 'file' : format === 0o40000 ? 'directory' : 'other'
}

function openReply(reply: Buffer, handle: number): number {
  reply.fill(0, 0, openBytes)
  writeU64(reply, handle, 0)
  // What the kernel has of a file stays: nobody else changes it.
  reply.writeUInt32LE(2, 8)
  return openBytes
}
