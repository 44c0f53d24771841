import type { Inode } from './disk.ts'

/** The messages of the kernel's FUSE protocol, as <linux/fuse.h> lays them out; 7.31 is what is spoken. */
export const opcodes = Object.freeze({
  lookup: 1, forget: 2, getattr: 3, setattr: 4, readlink: 5, symlink: 6, mknod: 8, mkdir: 9, unlink: 10, rmdir: 11, rename: 12, link: 13, open: 14, read: 15,
  write: 16, statfs: 17, release: 18, fsync: 20, init: 26, opendir: 27, readdir: 28, releasedir: 29, fsyncdir: 30, create: 35, interrupt: 36, destroy: 38,
  batchForget: 42, fallocate: 43, rename2: 45,
})

export const errors = Object.freeze({ noEntry: 2, io: 5, exists: 17, notDirectory: 20, isDirectory: 21, invalid: 22, noSystemCall: 38, notEmpty: 39, notSupported: 95 })

const inHeaderBytes = 40
export const outHeaderBytes = 16
export const writeBytesMax = 1_048_576
export const entryBytes = 128
const attributesBytes = 104
export const openBytes = 16

/** All changes come through this mount, so the kernel may keep what it knows. */
const validSeconds = 86_400
const [protocolMajor, protocolMinor] = [7, 31]
/** Reads side by side, writes of more than a page, up to 256 of them, and lookups side by side. */
const flags = (1 << 0) | (1 << 5) | (1 << 18) | (1 << 22)

export interface Request {
  readonly opcode: number
  readonly node: number
  /** As it came: it goes back. */
  readonly unique: Buffer
  readonly body: Buffer
}

export function readRequest(message: Buffer): Request {
  return { opcode: message.readUInt32LE(4), unique: message.subarray(8, 16), node: readU64(message, 16), body: message.subarray(inHeaderBytes) }
}

/** Node ids, offsets and sizes all stay below 2^53. */
export function readU64(bytes: Buffer, at: number): number {
  return bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * 2 ** 32
}

export function writeU64(bytes: Buffer, value: number, at: number): void {
  bytes.writeUInt32LE(value % 2 ** 32, at)
  bytes.writeUInt32LE(Math.floor(value / 2 ** 32), at + 4)
}

/** Names end with a zero; `from` is where the first begins. */
export function readNames(body: Buffer, from: number): readonly string[] {
  const end = body.lastIndexOf(0)
  return body.toString('utf8', from, end < from ? body.length : end).split('\0')
}

export function initReply(reply: Buffer, body: Buffer): number {
  reply.fill(0, 0, 64)
  reply.writeUInt32LE(protocolMajor, 0)
  reply.writeUInt32LE(protocolMinor, 4)
  reply.writeUInt32LE(body.readUInt32LE(8), 8)
  reply.writeUInt32LE(flags & body.readUInt32LE(12), 12)
  reply.writeUInt16LE(64, 16)
  reply.writeUInt16LE(48, 18)
  reply.writeUInt32LE(writeBytesMax, 20)
  reply.writeUInt32LE(1, 24)
  reply.writeUInt16LE(writeBytesMax / 4_096, 28)
  return 64
}

export function attributesReply(reply: Buffer, node: number, inode: Inode): number {
  reply.fill(0, 0, attributesBytes)
  writeU64(reply, validSeconds, 0)
  writeAttributes(reply.subarray(16), node, inode)
  return attributesBytes
}

/** Node 0 says that there is none, and that this may be remembered. */
export function entryReply(reply: Buffer, node: number, inode: Inode | null): number {
  reply.fill(0, 0, entryBytes)
  writeU64(reply, node, 0)
  writeU64(reply, validSeconds, 16)
  writeU64(reply, validSeconds, 24)
  if (inode !== null) writeAttributes(reply.subarray(40), node, inode)
  return entryBytes
}

function writeAttributes(bytes: Buffer, node: number, { kind, mode, links, content, modifiedMs, target }: Inode): void {
  const size = kind === 'file' ? content.size : Buffer.byteLength(target)
  writeU64(bytes, node, 0)
  writeU64(bytes, size, 8)
  writeU64(bytes, Math.ceil(size / 512), 16)
  for (let time = 0; time < 3; time += 1) {
    writeU64(bytes, Math.floor(modifiedMs / 1_000), 24 + time * 8)
    bytes.writeUInt32LE(Math.floor(modifiedMs % 1_000) * 1_000_000, 48 + time * 4)
  }
  bytes.writeUInt32LE(mode, 60)
  bytes.writeUInt32LE(kind === 'directory' ? 2 : links, 64)
  bytes.writeUInt32LE(process.getuid?.() ?? 0, 68)
  bytes.writeUInt32LE(process.getgid?.() ?? 0, 72)
  bytes.writeUInt32LE(4_096, 80)
}

export interface Entry {
  readonly name: string
  readonly mode: number
}

/** As many entries from `offset` on as fit. */
export function directoryReply(reply: Buffer, entries: readonly Entry[], { offset, size }: { readonly offset: number; readonly size: number }): number {
  let at = 0
  for (const [index, { name, mode }] of entries.slice(offset).entries()) {
    const bytes = Buffer.from(name)
    const padded = 24 + Math.ceil(bytes.length / 8) * 8
    if (at + padded > size) break
    reply.fill(0, at, at + padded)
    writeU64(reply, 1 + offset + index, at)
    writeU64(reply, offset + index + 1, at + 8)
    reply.writeUInt32LE(bytes.length, at + 16)
    reply.writeUInt32LE(mode >>> 12, at + 20)
    bytes.copy(reply, at + 24)
    at += padded
  }
  return at
}

export function statfsReply(reply: Buffer): number {
  reply.fill(0, 0, 80)
  const blocks = 2 ** 24
  for (let field = 0; field < 5; field += 1) writeU64(reply, blocks, field * 8)
  reply.writeUInt32LE(4_096, 40)
  reply.writeUInt32LE(255, 44)
  reply.writeUInt32LE(4_096, 48)
  return 80
}
