/** A statement that the engine refused: its code and message as ClickHouse gives them. */
export class EngineError extends Error {
  readonly code: number

  constructor(code: number, message: string) {
    super(message)
    this.code = code
  }
}
