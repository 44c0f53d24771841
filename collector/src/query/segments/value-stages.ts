/**
 * Expressions that many conditions use, each computed once under a short name. Without it a statement grows with the
 * number of conditions times the length of what they look at, and the engine takes longer to read it than to answer it.
 */
export class ValueStages {
  readonly #prefix: string
  readonly #stages: readonly [Map<string, string>, Map<string, string>, Map<string, string>] = [new Map(), new Map(), new Map()]

  constructor(prefix: string) {
    this.#prefix = prefix
  }

  /** The name of the expression. A stage may use the names of those before it: JSON texts, what is read from them, conditions on that. */
  bind(expression: string, stage: 0 | 1 | 2): string {
    const names = this.#stages[stage]
    const known = names.get(expression)
    if (known !== undefined) return known
    const name = `${this.#prefix}${stage}_${names.size}`
    names.set(expression, name)
    return name
  }

  /** The rows of `source` with all names as further columns. */
  wrap(source: string): string {
    return this.#stages.reduce((rows, names) => {
      const list = [...names].map(([expression, name]) => `, ${expression} AS ${name}`).join('')
      return list === '' ? rows : `SELECT *${list} FROM (${rows})`
    }, source)
  }
}
