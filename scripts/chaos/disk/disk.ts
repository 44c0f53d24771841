import { FileContent } from './file-content.ts'

export type Kind = 'file' | 'directory' | 'other'

/** A file, a directory or something else that has a mode, under any number of names. */
export class Inode {
  readonly kind: Kind
  /** The directory of the data directory it was made in, such as `log`; what a disk may be told to be deaf to. */
  readonly area: string
  mode: number
  modifiedMs: number
  links = 0
  readonly content = new FileContent()
  /** Of a directory: as they are seen, and as they are durable. */
  readonly names = new Map<string, Inode>()
  readonly syncedNames = new Map<string, Inode>()
  readonly unsynced = new Set<Change>()
  /** Of a symbolic link. */
  target = ''

  constructor(kind: Kind, { mode, area, now }: { readonly mode: number; readonly area: string; readonly now: number }) {
    this.kind = kind
    this.mode = mode
    this.area = area
    this.modifiedMs = now
  }
}

/** Names that change together or not at all: one, or two where something is renamed. */
export interface Change {
  readonly set: readonly { readonly directory: Inode; readonly name: string; readonly inode: Inode | null }[]
}

export interface Loss {
  /** Pages of 4 KB that were written and not synced, and are not there any more. */
  readonly pages: number
  /** Names that were made, changed or removed, without the sync of a directory, and are as they were before. */
  readonly names: number
}

/** Of one power loss; the rates in which what was not synced survives differ, since disks and their luck do. */
const survivalRates = [0, 0, 0.5, 0.9]

/**
 * A file system in memory that knows what would be there after a power loss: of files what fsync and fdatasync were asked
 * for, of names what the sync of their directory was asked for. That is less than any file system of today keeps: the sync of a
 * file does not keep its name. In an area with a journal it is as on ext4 and XFS: a sync of anything keeps all names that were
 * changed in the area before.
 */
export class Disk {
  readonly root: Inode
  readonly #clock: () => number
  /** In the order in which they were made. */
  readonly #unsynced = new Set<Change>()
  /** Areas whose syncs are answered and not done. */
  readonly deafAreas = new Set<string>()
  readonly journalAreas = new Set<string>()

  constructor(clock: () => number) {
    this.#clock = clock
    this.root = new Inode('directory', { mode: 0o40700, area: '', now: clock() })
  }

  make(kind: Kind, { directory, mode, name }: { readonly directory: Inode; readonly mode: number; readonly name: string }): Inode {
    const area = directory === this.root ? '' : directory.area === '' ? name : directory.area
    const inode = new Inode(kind, { mode, area, now: this.#clock() })
    this.change([{ directory, name, inode }])
    return inode
  }

  /** Makes and removes names, all at once. */
  change(set: Change['set']): void {
    const change = { set }
    this.#unsynced.add(change)
    for (const { directory, name, inode } of set) {
      const before = directory.names.get(name)
      if (before !== undefined) before.links -= 1
      if (inode === null) directory.names.delete(name)
      else {
        directory.names.set(name, inode)
        inode.links += 1
      }
      directory.unsynced.add(change)
      directory.modifiedMs = this.#clock()
    }
  }

  sync(inode: Inode): void {
    if (this.deafAreas.has(inode.area)) return
    inode.content.sync()
    for (const change of inode.unsynced) this.#keep(change)
    if (!this.journalAreas.has(inode.area)) return
    for (const change of this.#unsynced) if (change.set.some(({ directory }) => directory.area === inode.area)) this.#keep(change)
  }

  /**
   * What is there when the power comes back. Pages survive in any order; names in the order in which they were changed, as a journal
   * brings them back, up to some moment.
   */
  losePower(random: () => number): Loss {
    const rate = survivalRates[Math.floor(random() * survivalRates.length)] ?? 0
    const kept = Math.floor(this.#unsynced.size * rate * random())
    for (const change of [...this.#unsynced].slice(0, kept)) this.#keep(change)
    const names = this.#unsynced.size
    this.#unsynced.clear()
    let pages = 0
    const seen = new Set([this.root])
    for (const inode of seen) {
      pages += inode.content.losePower(() => random() < rate)
      inode.unsynced.clear()
      inode.names.clear()
      for (const [name, child] of inode.syncedNames) {
        inode.names.set(name, child)
        if (!seen.has(child)) child.links = 0
        child.links += 1
        seen.add(child)
      }
    }
    return { pages, names }
  }

  #keep(change: Change): void {
    for (const { directory, name, inode } of change.set) {
      if (inode === null) directory.syncedNames.delete(name)
      else directory.syncedNames.set(name, inode)
      directory.unsynced.delete(change)
    }
    this.#unsynced.delete(change)
  }
}
