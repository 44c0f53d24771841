import { Counter, Gauge, Registry } from 'prom-client'
import type { EventResult } from '@millrace/schemas'
import type { AcceptedEvent } from '../ingest/accept-events.ts'
import { Distribution } from './distribution.ts'
import type { AppendOutcome } from './record-gatherer.ts'
import type { RefusalReason } from './status.ts'
import { Tally } from './tally.ts'

const latencyBucketsSeconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]
const skewBucketsSeconds = [-86_400, -3_600, -600, -60, -10, 0, 1, 2, 5, 10, 60, 600, 3_600, 86_400]

/** What the edge exports. Every label comes from a closed list: none grows with workspaces, event names or clients. */
export class EdgeMetrics {
  /** What /metrics prints; the caller may register more there. */
  readonly registry: Registry
  readonly #requests: Tally
  readonly #events: Tally
  readonly #flags: Tally
  readonly #refusals: Tally
  readonly #appends: Tally
  readonly #requestSeconds: Distribution
  readonly #appendSeconds: Distribution
  readonly #skewSeconds: Distribution
  readonly #sums = { wire: 0, decoded: 0 }
  #inFlightBytes: () => number = () => 0

  constructor(registry: Registry = new Registry()) {
    this.registry = registry
    const registers = [registry]
    const sums = this.#sums
    const inFlight = (): number => this.#inFlightBytes()
    this.#requests = new Tally(registry, { name: 'millrace_edge_requests_total', help: 'requests by route and status; closed: the client was gone', labels: ['route', 'status'] })
    this.#events = new Tally(registry, { name: 'millrace_edge_events_total', help: 'events by result and, where quarantined, reason', labels: ['result', 'reason'] })
    this.#flags = new Tally(registry, { name: 'millrace_edge_flags_total', help: 'events stored but altered', labels: ['flag'] })
    this.#refusals = new Tally(registry, { name: 'millrace_edge_refused_total', help: 'requests refused with 429 or 503 before their events were looked at', labels: ['reason'] })
    this.#appends = new Tally(registry, { name: 'millrace_log_append_total', help: 'records handed to the log', labels: ['outcome'] })
    new Counter({
      name: 'millrace_edge_bytes_total', help: 'bytes of bodies', labelNames: ['stage'], registers,
      collect() {
        this.reset()
        this.inc({ stage: 'wire' }, sums.wire)
        this.inc({ stage: 'decoded' }, sums.decoded)
      },
    })
    new Gauge({
      name: 'millrace_edge_in_flight_bytes', help: 'bytes held by requests in work', registers,
      collect() {
        this.set(inFlight())
      },
    })
    this.#requestSeconds = new Distribution(registry, { name: 'millrace_edge_request_seconds', help: 'from headers to answer', buckets: latencyBucketsSeconds })
    this.#appendSeconds = new Distribution(registry, { name: 'millrace_log_append_seconds', help: 'until a record was durable', buckets: latencyBucketsSeconds })
    this.#skewSeconds = new Distribution(registry, { name: 'millrace_edge_clock_skew_seconds', help: 'receivedAt less sentAt', buckets: skewBucketsSeconds })
  }

  /** Says where the gauge of bytes in flight reads. */
  watchInFlight(bytes: () => number): void {
    this.#inFlightBytes = bytes
  }

  requested(route: string, status: number | 'closed', ms: number): void {
    this.#requests.add(route, String(status), 1)
    this.#requestSeconds.observe(ms / 1_000)
  }

  refused(reason: RefusalReason): void {
    this.#refusals.add(reason, '', 1)
  }

  read(wireBytes: number, decodedBytes: number): void {
    this.#sums.wire += wireBytes
    this.#sums.decoded += decodedBytes
  }

  skewed(ms: number): void {
    this.#skewSeconds.observe(ms / 1_000)
  }

  accepted(events: readonly AcceptedEvent[]): void {
    for (const { flags } of events) for (const flag of flags) this.#flags.add(flag, '', 1)
  }

  /** `ok`: how many were; `others`: the rest, of which some may be ok too. */
  answered(ok: number, others: readonly Pick<EventResult, 'result' | 'reason'>[]): void {
    for (const { result, reason } of others) this.#events.add(result, reason ?? '', 1)
    if (ok > 0) this.#events.add('ok', '', ok)
  }

  appended(outcome: AppendOutcome, ms: number): void {
    this.#appends.add(outcome, '', 1)
    this.#appendSeconds.observe(ms / 1_000)
  }
}
