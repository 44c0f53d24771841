/** One line of JSON a message on standard error: per request batch or step, never per event. */
export interface Logger {
  error(message: string, details?: Readonly<Record<string, unknown>>): void
  warn(message: string, details?: Readonly<Record<string, unknown>>): void
  info(message: string, details?: Readonly<Record<string, unknown>>): void
  debug(message: string, details?: Readonly<Record<string, unknown>>): void
}

const levels = ['error', 'warn', 'info', 'debug'] as const

/** Writes what is at `level` or above it; an unknown level counts as `info`. */
export function createLogger(level: string, write: (line: string) => void, now: () => number): Logger {
  const index = levels.findIndex((known) => known === level)
  const highest = index < 0 ? 2 : index
  const at = (rank: number) => (message: string, details: Readonly<Record<string, unknown>> = {}): void => {
    if (rank <= highest) write(`${oneLine({ time: new Date(now()).toISOString(), level: levels[rank], message, ...details })}\n`)
  }
  return { error: at(0), warn: at(1), info: at(2), debug: at(3) }
}

/**
 * JSON escapes line breaks and the escape character; a terminal also acts on the eight-bit control codes, and shows text in
 * another order than it stands after a change of direction. None of them may be a client's to write into a log.
 */
function oneLine(entry: object): string {
  return JSON.stringify(entry).replaceAll(/[\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g, (code) => `\\u${code.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
