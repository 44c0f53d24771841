/** Values of known fields that had the wrong type. They stay in the event, where nothing takes them for the field. */
export class MalformedFields {
  #values: Record<string, unknown> | undefined

  /** Arrays and objects are kept as their JSON, so that nothing gets deeper than it came. */
  keep(field: string, value: unknown): undefined {
    this.#values ??= {}
    this.#values[field] = typeof value === 'object' ? JSON.stringify(value) : value
    return undefined
  }

  get values(): Readonly<Record<string, unknown>> | undefined {
    return this.#values
  }
}
