import { describe, expect, it } from 'vitest'
import { Disk, type Inode } from './disk.ts'
import { FileContent, pageBytes } from './file-content.ts'

const nothing = (): boolean => false
const all = (): boolean => true

function bytesOf(content: FileContent): Buffer {
  const bytes = Buffer.alloc(content.size)
  expect(content.read(bytes, 0, content.size + 10)).toBe(content.size)
  return bytes
}

describe('the content of a file', () => {
  it('is after a power loss what the last sync made durable', () => {
    const content = new FileContent()
    content.write(Buffer.from('synced'), 0)
    content.sync()
    content.write(Buffer.from('SYN'), 0)
    content.write(Buffer.alloc(3 * pageBytes, 'x'), 6)
    expect(content.losePower(nothing)).toBe(4)
    expect(bytesOf(content).toString()).toBe('synced')
  })

  it('keeps later pages and loses earlier ones, as a disk does', () => {
    const content = new FileContent()
    content.write(Buffer.alloc(2 * pageBytes, 'a'), 0)
    const survives = [true, false, true]
    expect(content.losePower(() => survives.shift() ?? false)).toBe(1)
    expect(bytesOf(content)).toEqual(Buffer.concat([Buffer.alloc(pageBytes), Buffer.alloc(pageBytes, 'a')]))
  })

  it('has zeros where it was cut off and grew again', () => {
    const content = new FileContent()
    content.write(Buffer.alloc(2 * pageBytes, 'a'), 0)
    content.sync()
    content.resize(10)
    content.resize(pageBytes + 10)
    const cut = Buffer.concat([Buffer.alloc(10, 'a'), Buffer.alloc(pageBytes)])
    expect(bytesOf(content)).toEqual(cut)
    content.sync()
    content.losePower(nothing)
    expect(bytesOf(content)).toEqual(cut)
  })

  it('comes back whole where a cut was not synced', () => {
    const content = new FileContent()
    content.write(Buffer.alloc(2 * pageBytes, 'a'), 0)
    content.sync()
    content.resize(0)
    content.losePower(nothing)
    expect(bytesOf(content)).toEqual(Buffer.alloc(2 * pageBytes, 'a'))
  })

  it('survives whole where a disk was lucky', () => {
    const content = new FileContent()
    content.write(Buffer.from('lucky'), 5)
    expect(content.losePower(all)).toBe(0)
    expect(bytesOf(content).toString()).toBe('\0\0\0\0\0lucky')
  })
})

describe('the names of a disk', () => {
  const never = (): number => 0

  function made(): { readonly disk: Disk; readonly data: Inode; readonly log: Inode; readonly file: Inode } {
    const disk = new Disk(() => 1)
    const data = disk.make('directory', { directory: disk.root, mode: 0o40700, name: 'data' })
    const log = disk.make('directory', { directory: data, mode: 0o40700, name: 'log' })
    return { disk, data, log, file: disk.make('file', { directory: log, mode: 0o100600, name: 'a' }) }
  }

  it('are lost where their directory was not synced, however well the file was', () => {
    const { disk, data, log, file } = made()
    disk.sync(disk.root)
    disk.sync(data)
    file.content.write(Buffer.from('x'), 0)
    disk.sync(file)
    expect(disk.losePower(never)).toEqual({ pages: 0, names: 1 })
    expect([...data.names.keys()]).toEqual(['log'])
    expect(log.names.size).toBe(0)
  })

  it('are there and of use only up to the root', () => {
    const { disk, data, log } = made()
    disk.sync(log)
    disk.sync(data)
    disk.losePower(never)
    expect(disk.root.names.size).toBe(0)
  })

  it('change as one where something is renamed', () => {
    const { disk, data, log, file } = made()
    for (const directory of [disk.root, data, log]) disk.sync(directory)
    disk.change([{ directory: log, name: 'a', inode: null }, { directory: data, name: 'b', inode: file }])
    disk.sync(data)
    disk.losePower(never)
    expect([[...log.names.keys()], [...data.names.keys()]]).toEqual([[], ['log', 'b']])
    expect(file.links).toBe(1)
  })

  it('are kept by any later sync in an area with a journal, and by none in one that is deaf', () => {
    for (const [kept, prepare] of [[1, (disk: Disk) => disk.journalAreas.add('log')], [0, (disk: Disk) => disk.deafAreas.add('log')]] as const) {
      const { disk, data, log, file } = made()
      disk.sync(disk.root)
      disk.sync(data)
      prepare(disk)
      disk.sync(file)
      if (kept === 0) disk.sync(log)
      disk.losePower(never)
      expect(log.names.size).toBe(kept)
    }
  })
})
