import type { DropReason } from './outcomes.ts'

export interface MillraceOptions {
  /** Of the workspace; `millrace keys create` makes one. */
  readonly writeKey: string
  /** Where the collector is, such as `https://events.example.com`. */
  readonly host: string
  /** `/v1/batch` unless told. */
  readonly path?: string
  /** Events of a full batch, 1 to 2,500; 500 unless told. */
  readonly flushAt?: number
  /** How long an incomplete batch waits, milliseconds; 200 unless told. */
  readonly flushInterval?: number
  /** Milliseconds until a request without an answer is given up and sent again; 10,000 unless told. */
  readonly httpRequestTimeout?: number
  /** Events that may wait; 50,000 unless told. A call beyond it answers `queue_full`. */
  readonly queueEventsMax?: number
  /** Bytes that may wait; 64 MiB unless told. */
  readonly queueBytesMax?: number
  /** Connections to the collector, each with one request at a time, 1 to 64; 4 unless told. */
  readonly connections?: number
  /** Batches arrive in the order of the calls, one request at a time, unless a retry overtakes; false unless told. */
  readonly ordered?: boolean
  /** How long an event may be tried, milliseconds; one hour unless told, a week with `queueDir`. */
  readonly ageMsMax?: number
  /** Compress bodies; true unless told. */
  readonly gzip?: boolean
  /** Take no events at all, for tests and previews. */
  readonly disable?: boolean
  /**
   * A directory that keeps accepted events until they have an outcome: they survive the crash of the process and are
   * sent by the next client of the directory. One client at a time may use it; a second one fails to start.
   */
  readonly queueDir?: string
  /** Bytes of that directory, then calls answer `queue_full`; 256 MiB unless told. */
  readonly queueDirBytesMax?: number
  /** How long a process that ends by itself is held up to deliver what waits, milliseconds; 2,000 unless told. */
  readonly exitTimeoutMs?: number
  /** Serverless: is handed a promise that ends when all events of this invocation are settled. */
  readonly waitUntil?: (promise: Promise<unknown>) => void
  /** The collector has the event. What hooks return, throw or reject with changes nothing. */
  readonly onDelivered?: (messageId: string) => unknown
  /** An accepted event was given up, or kept aside by the collector as `quarantined`. */
  readonly onDropped?: (dropped: DroppedEvent) => unknown
}

export interface DroppedEvent {
  readonly messageId: string
  readonly reason: DropReason | 'quarantined'
  /** What the collector said of a quarantined event. */
  readonly detail?: string
  /** HTTP status, where one was the cause. */
  readonly status?: number
}

/** Every setting with its value; bounds are checked once. */
export interface Settings {
  readonly url: URL
  readonly flushAt: number
  readonly flushInterval: number
  readonly httpRequestTimeout: number
  readonly queueEventsMax: number
  readonly queueBytesMax: number
  readonly connections: number
  readonly ageMsMax: number
  readonly gzip: boolean
  readonly queueDir: string | null
  readonly queueDirBytesMax: number
  readonly exitTimeoutMs: number
}

const hourMs = 3_600_000
const weekMs = 604_800_000

/** Fails with TypeError naming the option and the rule: a misconfigured client should not start. */
export function readOptions(options: MillraceOptions): Settings {
  if (typeof options.writeKey !== 'string' || options.writeKey === '') throw new TypeError('writeKey must be a text: the key of the workspace')
  const { queueDir = null } = options
  if (queueDir !== null && (typeof queueDir !== 'string' || queueDir === '')) throw new TypeError('queueDir must be the path of a directory')
  return {
    url: readUrl(options.host, options.path ?? '/v1/batch'),
    flushAt: whole(options, 'flushAt', [500, 1, 2_500]),
    flushInterval: whole(options, 'flushInterval', [200, 0, hourMs]),
    httpRequestTimeout: whole(options, 'httpRequestTimeout', [10_000, 1, 600_000]),
    queueEventsMax: whole(options, 'queueEventsMax', [50_000, 1, 10_000_000]),
    queueBytesMax: whole(options, 'queueBytesMax', [67_108_864, 65_536, 4_294_967_296]),
    connections: options.ordered === true ? 1 : whole(options, 'connections', [4, 1, 64]),
    ageMsMax: whole(options, 'ageMsMax', [queueDir === null ? hourMs : weekMs, 1, weekMs]),
    gzip: options.gzip ?? true,
    queueDir,
    queueDirBytesMax: whole(options, 'queueDirBytesMax', [268_435_456, 1_048_576, 1_099_511_627_776]),
    exitTimeoutMs: whole(options, 'exitTimeoutMs', [2_000, 0, 600_000]),
  }
}

type WholeOption = {
  [Name in keyof MillraceOptions]-?: Exclude<MillraceOptions[Name], undefined> extends number ? Name : never
}[keyof MillraceOptions]

function whole(options: MillraceOptions, name: WholeOption, [fallback, least, most]: readonly [number, number, number]): number {
  const value = options[name] ?? fallback
  if (!Number.isInteger(value) || value < least || value > most) throw new TypeError(`${name} must be a whole number from ${least} to ${most}`)
  return value
}

function readUrl(host: string, path: string): URL {
  const url = URL.canParse(host) ? new URL(host) : null
  if (url === null || !/^https?:$/.test(url.protocol)) throw new TypeError('host must be an http or https URL, such as https://events.example.com')
  url.pathname = `${url.pathname.replace(/\/$/, '')}${path.startsWith('/') ? path : `/${path}`}`
  return url
}
