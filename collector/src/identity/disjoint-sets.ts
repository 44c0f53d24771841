/**
 * Union-find over the numbers from 0 to `size` - 1, with union by size and path halving
 * (Tarjan and van Leeuwen, "Worst-case Analysis of Set Union Algorithms", 1984).
 */
export class DisjointSets {
  readonly #parent: Int32Array
  readonly #size: Int32Array

  constructor(size: number) {
    this.#parent = new Int32Array(size)
    for (let index = 0; index < size; index++) this.#parent[index] = index
    this.#size = new Int32Array(size).fill(1)
  }

  /** The number that stands for the set of `member`. */
  find(member: number): number {
    let at = member
    for (let parent = this.#parentOf(at); parent !== at; parent = this.#parentOf(at)) {
      const above = this.#parentOf(parent)
      this.#parent[at] = above
      at = above
    }
    return at
  }

  /** Unites the sets of two members and returns what stands for both; the larger one's stays. */
  unite(one: number, other: number): number {
    const x = this.find(one)
    const y = this.find(other)
    if (x === y) return x
    const [large, small] = this.sizeOf(x) >= this.sizeOf(y) ? [x, y] : [y, x]
    this.#parent[small] = large
    this.#size[large] = this.sizeOf(large) + this.sizeOf(small)
    return large
  }

  /** Members of the set that `root` stands for. */
  sizeOf(root: number): number {
    return this.#size[root] ?? 0
  }

  #parentOf(member: number): number {
    return this.#parent[member] ?? member
  }
}
