import type { Config } from '../config.ts'
import type { Arguments } from './arguments.ts'

/** What a command may touch of the outside world. */
export interface Terminal {
  out(text: string): void
  err(text: string): void
  readonly isTty: boolean
  /** Resolves at SIGTERM or SIGINT. */
  untilStopped(): Promise<void>
}

export interface CommandContext {
  readonly arguments: Arguments
  readonly config: Config
  /** The command's own flags. */
  readonly flags: ReadonlyMap<string, string>
  readonly terminal: Terminal
}

export interface Command {
  readonly name: string
  readonly usage: string
  readonly about: string
  /** Flags beside the configuration. */
  readonly flags: readonly string[]
  /** Answers the exit code. */
  run(context: CommandContext): Promise<number>
}
