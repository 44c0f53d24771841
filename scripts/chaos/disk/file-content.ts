/** What a disk writes whole or not at all, and what the page cache holds it in. */
export const pageBytes = 4_096

/**
 * Bytes of a file twice: as its readers see them, and as the last sync made them durable. Both share the pages in which they do
 * not differ.
 */
export class FileContent {
  #pages: (Buffer | undefined)[] = []
  #size = 0
  #syncedPages: (Buffer | undefined)[] = []
  #syncedSize = 0
  /** Pages that were written, or cut off, since the last sync. */
  readonly #dirty = new Set<number>()

  get size(): number {
    return this.#size
  }

  /** Copies what there is into `target`; answers how many bytes. */
  read(target: Buffer, offset: number, length: number): number {
    const end = Math.min(this.#size, offset + length)
    for (let at = offset; at < end;) {
      const within = at % pageBytes
      const count = Math.min(pageBytes - within, end - at)
      const page = this.#pages[Math.floor(at / pageBytes)]
      if (page === undefined) target.fill(0, at - offset, at - offset + count)
      else page.copy(target, at - offset, within, within + count)
      at += count
    }
    return Math.max(0, end - offset)
  }

  write(data: Buffer, offset: number): void {
    for (let at = 0; at < data.length;) {
      const within = (offset + at) % pageBytes
      const count = Math.min(pageBytes - within, data.length - at)
      data.copy(this.#ownPage(Math.floor((offset + at) / pageBytes)), within, at, at + count)
      at += count
    }
    this.#size = Math.max(this.#size, offset + data.length)
  }

  resize(size: number): void {
    this.#cutPages(size)
    this.#size = size
  }

  sync(): void {
    for (const index of this.#dirty) this.#syncedPages[index] = this.#pages[index]
    this.#dirty.clear()
    this.#syncedSize = this.#size
    this.#syncedPages.length = Math.min(this.#syncedPages.length, Math.ceil(this.#size / pageBytes))
  }

  /**
   * What is there after a power loss: of everything that was not synced each page, and the length, is as `survives` says. Answers
   * how many pages were lost.
   */
  losePower(survives: () => boolean): number {
    const size = this.#size === this.#syncedSize || survives() ? this.#size : this.#syncedSize
    let lost = 0
    for (const index of this.#dirty) {
      if (survives()) continue
      this.#pages[index] = this.#syncedPages[index]
      lost += 1
    }
    this.#dirty.clear()
    this.#cutPages(size)
    this.#size = size
    this.#syncedPages = [...this.#pages]
    this.#syncedSize = size
    this.#dirty.clear()
    return lost
  }

  /** Takes everything behind `size` away, so that a file that grows again has zeros there. */
  #cutPages(size: number): void {
    if (size % pageBytes !== 0 && this.#pages[Math.floor(size / pageBytes)] !== undefined) this.#ownPage(Math.floor(size / pageBytes)).fill(0, size % pageBytes)
    const kept = Math.ceil(size / pageBytes)
    for (let index = kept; index < Math.max(this.#pages.length, this.#syncedPages.length); index += 1) {
      if (this.#syncedPages[index] === undefined) this.#dirty.delete(index)
      else this.#dirty.add(index)
    }
    this.#pages.length = Math.min(this.#pages.length, kept)
  }

  /** A page that may be written to: the synced one stays as it is. */
  #ownPage(index: number): Buffer {
    const known = this.#pages[index]
    if (known !== undefined && this.#dirty.has(index)) return known
    const page = Buffer.alloc(pageBytes)
    known?.copy(page)
    this.#pages[index] = page
    this.#dirty.add(index)
    return page
  }
}
