/** The archive's object store. Names are relative, `/`-separated, made of [a-zA-Z0-9._=-]. */
export interface Objects {
  /**
   * Durable and whole when it resolves; readers never see half an object. The same name is only ever
   * put with the same bytes, so repeating a put after an unknown outcome is safe.
   */
  put(name: string, bytes: Uint8Array): Promise<void>
  /** null if there is no such object. */
  get(name: string): Promise<Uint8Array | null>
  /** Removing what is not there is no error. */
  delete(name: string): Promise<void>
  /** Names with the prefix in byte order, at most `limit`. For people and repair; no reader depends on it. */
  list(prefix: string, limit: number): Promise<readonly string[]>
  close(): Promise<void>
}
