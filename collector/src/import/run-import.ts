import type { Draft } from './draft.ts'
import { type BlockContext, blockOf, type ImportBlock } from './import-blocks.ts'
import type { BlockOutcome, ImportRecord } from './import-lane.ts'
import type { OpenImport } from './import-reader.ts'
import { type ImportProgress, nothingDone } from './progress-file.ts'
import type { Reject } from './reject.ts'

export interface ImportRun {
  readonly file: OpenImport
  readonly context: BlockContext
  /** What an earlier run of the same file did. */
  readonly done: ImportProgress
  /** Resolves when the records are durable; repeats what may succeed later by itself. */
  send(records: readonly ImportRecord[]): Promise<BlockOutcome>
  /** Writes them down for good; answers the length of what is written. */
  reject(rejects: readonly Reject[]): number
  /** Hears of every step, in order: what was done before it is durable. */
  progress(progress: ImportProgress): void
}

/** Drafts judged at a time; bounds a call at 200 times 32 KiB. */
const draftsMax = 200
/** Characters after which a call goes out. */
const blockCharactersMax = 524_288
/** Calls under way: what waits in the collector for its turn, so that the turns are large. */
const callsMax = 8

/** What one call carries, and how far the file is read with it. */
interface Call {
  readonly blocks: ImportBlock[]
  readonly rejects: Reject[]
  characters: number
  /** Entries of the file up to its end. */
  entries: number
}

/** Sends a file's events in its order, a bounded number at a time. Answers the totals, those of earlier runs included. */
export async function runImport({ file, context, done, send, reject, progress }: ImportRun): Promise<ImportProgress> {
  let total = done
  const open: { readonly call: Call; readonly answer: Promise<BlockOutcome> }[] = []
  const settleFirst = async (): Promise<void> => {
    const first = open.shift()
    if (first === undefined) return
    const outcome = await first.answer
    total = added(total, first.call, { outcome, rejectBytes: reject(first.call.rejects) })
    progress(total)
  }
  try {
    for await (const call of callsOf(file, context, done.entries)) {
      while (open.length >= callsMax) await settleFirst()
      const records = mergedRecords(call.blocks)
      const answer = records.length === 0 ? Promise.resolve({ stored: 0, known: 0 }) : send(records)
      // It is awaited in its turn; until then a failure is not unheard.
      answer.catch(() => undefined)
      open.push({ call, answer })
    }
    while (open.length > 0) await settleFirst()
  } finally {
    await Promise.allSettled(open.map(({ answer }) => answer))
  }
  return total
}

function added(total: ImportProgress, call: Call, { outcome, rejectBytes }: { readonly outcome: BlockOutcome; readonly rejectBytes: number }): ImportProgress {
  return {
    entries: call.entries,
    events: total.events + outcome.stored,
    known: total.known + outcome.known + call.blocks.reduce((sum, { repeats }) => sum + repeats, 0),
    rejects: total.rejects + call.rejects.length,
    rejectBytes,
  }
}

async function* callsOf(file: OpenImport, context: BlockContext, skip: number): AsyncGenerator<Call> {
  let entries = 0
  let call: Call = emptyCall(skip)
  let drafts: Draft[] = []
  const judge = (): void => {
    if (drafts.length === 0) return
    const block = blockOf(drafts, context)
    drafts = []
    call.blocks.push(block)
    call.rejects.push(...block.rejects)
    call.characters += block.records.reduce((sum, { text }) => sum + text.length, 0)
    call.entries = entries
  }
  for await (const page of file.pages()) {
    for (const entry of page) {
      entries += 1
      // The same file makes the same entries in the same order, so what was done is passed over by number.
      if (entries <= skip) continue
      if ('rule' in entry) call.rejects.push(entry)
      else drafts.push(entry)
      if (drafts.length >= draftsMax) judge()
      if (call.characters < blockCharactersMax && call.rejects.length < 10_000) continue
      judge()
      call.entries = entries
      yield call
      call = emptyCall(entries)
    }
  }
  judge()
  call.entries = Math.max(entries, skip)
  yield call
}

function emptyCall(entries: number): Call {
  return { blocks: [], rejects: [], characters: 0, entries }
}

function mergedRecords(blocks: readonly ImportBlock[]): readonly ImportRecord[] {
  const byPartition = Map.groupBy(blocks.flatMap(({ records }) => records), ({ partition }) => partition)
  return [...byPartition].map(([partition, records]) => ({
    partition, messageIds: records.flatMap(({ messageIds }) => messageIds), text: records.map(({ text }) => text).join(''),
  }))
}

/** What a file would give, without sending anything. */
export interface Rehearsal {
  readonly events: number
  readonly rejects: number
  /** Events by metric, the most frequent first. */
  readonly metrics: ReadonlyMap<string, number>
  /** Events that carry an identifier of the kind. */
  readonly identifiers: ReadonlyMap<string, number>
  readonly rules: ReadonlyMap<string, number>
  readonly firstRejects: readonly Reject[]
  readonly firstTime: string | null
  readonly lastTime: string | null
}

const shownRejects = 20
/** Distinct metrics counted apart; the rest is counted together. */
const metricsMax = 200

/** Reads the whole file as an import would and counts. `kindsOf` tells the identifiers of an event. */
export async function rehearse(file: OpenImport, context: BlockContext, kindsOf: (item: Draft['item']) => readonly string[]): Promise<Rehearsal> {
  const metrics = new Map<string, number>()
  const identifiers = new Map<string, number>()
  const rules = new Map<string, number>()
  const firstRejects: Reject[] = []
  let [total, times]: [ImportProgress, { first: string | null; last: string | null }] = [nothingDone, { first: null, last: null }]
  const counted: OpenImport = {
    ...file,
    async* pages() {
      for await (const page of file.pages()) {
        for (const entry of page) if (!('rule' in entry)) times = countDraft(entry, { metrics, identifiers, times, kindsOf })
        yield page
      }
    },
  }
  total = await runImport({
    file: counted, context, done: nothingDone,
    send: async (records) => ({ stored: records.reduce((sum, { messageIds }) => sum + messageIds.length, 0), known: 0 }),
    reject: (rejects) => {
      for (const { rule } of rejects) count(rules, rule)
      firstRejects.push(...rejects.slice(0, shownRejects - firstRejects.length))
      return 0
    },
    progress: () => undefined,
  })
  return { events: total.events, rejects: total.rejects, metrics, identifiers, rules, firstRejects, firstTime: times.first, lastTime: times.last }
}

interface Counting {
  readonly metrics: Map<string, number>
  readonly identifiers: Map<string, number>
  readonly times: { readonly first: string | null; readonly last: string | null }
  readonly kindsOf: (item: Draft['item']) => readonly string[]
}

function countDraft({ item }: Draft, { metrics, identifiers, times, kindsOf }: Counting): { first: string | null; last: string | null } {
  const metric = String(item['event'] ?? item['type'])
  count(metrics, metrics.has(metric) || metrics.size < metricsMax ? metric : 'others')
  for (const kind of new Set(kindsOf(item))) count(identifiers, kind)
  const time = String(item['timestamp'])
  return { first: times.first === null || time < times.first ? time : times.first, last: times.last === null || time > times.last ? time : times.last }
}

function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1)
}
