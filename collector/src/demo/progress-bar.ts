import type { Terminal } from '../commands/command.ts'

const width = 28
const redrawMs = 100
/** Where nobody watches, a line now and then says that it lives. */
const plainMs = 5_000

export interface Progress {
  readonly what: string
  readonly done: number
  /** null: not known yet. */
  readonly total: number | null
  /** How far the work is, 0 to 1, where it is measured otherwise than in events. */
  readonly part?: number
}

/** A bar on a terminal, a plain line every five seconds elsewhere. */
export class ProgressBar {
  readonly #terminal: Terminal
  readonly #now: () => number
  readonly #begin: number
  #drawnAt = -Infinity

  constructor(terminal: Terminal, now: () => number) {
    this.#terminal = terminal
    this.#now = now
    this.#begin = now()
  }

  show(progress: Progress): void {
    const now = this.#now()
    if (now - this.#drawnAt < (this.#terminal.isTty ? redrawMs : plainMs)) return
    const first = this.#drawnAt === -Infinity
    this.#drawnAt = now
    if (this.#terminal.isTty) this.#terminal.out(`\r\u001b[2K${bar(progress)}${this.#text(progress)}`)
    else if (!first) this.#terminal.out(`${this.#text(progress)}\n`)
  }

  /** Leaves one line of what was done. */
  finish(progress: Progress): void {
    this.#terminal.out(`${this.#terminal.isTty ? '\r\u001b[2K' : ''}${this.#text(progress)}\n`)
    this.#drawnAt = -Infinity
  }

  #text({ what, done, total, part }: Progress): string {
    const seconds = (this.#now() - this.#begin) / 1_000
    const rate = seconds > 0.5 ? `, ${Math.round(done / seconds).toLocaleString('en')} a second` : ''
    const left = part === undefined || part <= 0 || part >= 1 || seconds < 2 ? '' : `, ${timeLeft(seconds * (1 - part) / part)} left`
    return `${what} ${done.toLocaleString('en')}${total === null ? '' : ` of ${total.toLocaleString('en')}`} events (${seconds.toFixed(1)} s${rate}${left})`
  }
}

function timeLeft(seconds: number): string {
  return seconds < 90 ? `${Math.ceil(seconds)} s` : `${Math.ceil(seconds / 60)} min`
}

/** Nothing where it is not known how far the work is: an empty bar would say that it stands still. */
function bar({ done, total, part }: Progress): string {
  const known = part ?? (total === null || total === 0 ? null : done / total)
  if (known === null) return ''
  const filled = Math.max(0, Math.min(width, Math.floor(known * width)))
  return `[${'='.repeat(filled)}${' '.repeat(width - filled)}] `
}
