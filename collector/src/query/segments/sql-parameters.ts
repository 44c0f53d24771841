export type ParameterType = 'String' | 'Float64' | 'Int64' | 'Int128' | 'UInt32' | 'Array(String)' | 'Array(Float64)' | 'Array(UInt64)'
export type ParameterValue = string | number | readonly string[] | readonly number[]

/** Collects the values of a statement: what a user wrote reaches the engine as a parameter and never as part of the text. */
export class SqlParameters {
  readonly #names = new Map<string, string>()
  readonly #values = new Map<string, ParameterValue>()

  /** The placeholder to write where the value belongs; equal values share one. */
  add(type: ParameterType, value: ParameterValue): string {
    const key = `${type} ${JSON.stringify(value)}`
    let name = this.#names.get(key)
    if (name === undefined) {
      name = `p${this.#names.size}`
      this.#names.set(key, name)
      this.#values.set(name, value)
    }
    return `{${name}:${type}}`
  }

  /** A list of whole numbers, written into the text: parameters travel in a URL, which holds no long lists. */
  integers(list: readonly number[]): string {
    if (!list.every((one) => Number.isSafeInteger(one))) throw new TypeError('not whole numbers')
    return `[${list.join(', ')}]`
  }

  values(): Readonly<Record<string, ParameterValue>> {
    return Object.fromEntries(this.#values)
  }
}
