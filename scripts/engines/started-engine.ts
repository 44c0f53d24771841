/** A real engine on a free port of the loopback address, with a private data directory. */
export interface StartedEngine {
  /** In the form that the collector's configuration takes. */
  readonly url: string
  /** kill -9, as a power cut or an operator's mistake would. */
  kill(): Promise<void>
  /** Starts it again on the same port with the same data; resolves when it answers. */
  restart(): Promise<void>
  /** Stops it and removes its data. */
  stop(): Promise<void>
}

/** Why an engine cannot run here; said in the closing lines of the run. */
export interface MissingEngine {
  readonly missing: string
}
