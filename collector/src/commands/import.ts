import { existsSync, readFileSync, statSync } from 'node:fs'
import { connectControl, type ControlClient } from '../control-client.ts'
import { extractIdentifiers } from '../identity/extract-identifiers.ts'
import { identitySettingsFor } from '../identity-settings-for.ts'
import { type ImportKind, importKinds } from '../import/column-names.ts'
import { describePlan, describeRehearsal } from '../import/describe-import.ts'
import type { BlockOutcome, LaneRest } from '../import/import-lane.ts'
import type { ImportTarget } from '../import/import-operations.ts'
import type { PlanWishes } from '../import/import-plan.ts'
import { openImport, type OpenImport } from '../import/import-reader.ts'
import { fingerprintOf, type ImportProgress, nothingDone, ProgressFile } from '../import/progress-file.ts'
import { type DateFormat, dateFormats, offsetOf } from '../import/read-time.ts'
import { RejectsFile } from '../import/rejects-file.ts'
import { rehearse, runImport } from '../import/run-import.ts'
import { systemClock } from '../platform/clock.ts'
import { MillraceError, messageOf } from '../platform/errors.ts'
import { giveWay } from '../platform/give-way.ts'
import { ProgressBar } from '../demo/progress-bar.ts'
import type { Command, CommandContext } from './command.ts'
import { withOperations } from './with-operations.ts'

/** A collector that is started again is back by then. */
const reconnectMs = 60_000
const loadedMsMax = 600_000

export const importCommand: Command = {
  name: 'import',
  usage: 'import FILE|- [--dry-run] [--map FIELD=COLUMN]... [--kind orders|customers|events] [--date-format DD/MM/YYYY] [--workspace NAME]',
  about: 'brings history from CSV or NDJSON, plain or gzip; exit code 1 if lines were rejected; the same file again changes nothing',
  flags: ['dry-run', 'map', 'kind', 'source', 'date-format', 'time-zone', 'encoding', 'workspace', 'rejects'],
  run: async (context) => {
    const [path, ...more] = context.arguments.positional
    if (path === undefined || more.length > 0) throw new MillraceError('bad_request', 'name one file, or - for standard input')
    return context.flags.has('dry-run') ? dryRun(context, path) : bring(context, path)
  },
}

async function openFile({ flags }: CommandContext, path: string, onRead: (bytes: number) => void): Promise<OpenImport> {
  return openImport({
    path, onRead, encoding: flags.get('encoding') ?? null, wishes: wishesOf(flags),
    writtenAt: Math.floor(path === '-' ? systemClock.now() : (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? systemClock.now())),
  })
}

async function dryRun(context: CommandContext, path: string): Promise<number> {
  const { terminal, config } = context
  const file = await openFile(context, path, () => undefined)
  terminal.out(describePlan(file))
  const identity = identitySettingsFor(config)
  const rehearsal = await rehearse(file, { workspace: 0, partitions: 1, identity, now: systemClock.now },
    (item) => extractIdentifiers(item, identity).identifiers.map(({ kind }) => kind))
  terminal.out(describeRehearsal(rehearsal))
  return rehearsal.rejects === 0 ? 0 : 1
}

async function bring(context: CommandContext, path: string): Promise<number> {
  // Who is in the shop now goes before history.
  giveWay(10)
  const { terminal, config, flags } = context
  let readBytes = 0
  const file = await openFile(context, path, (bytes) => {
    readBytes = bytes
  })
  terminal.out(describePlan(file))
  const workspace = flags.get('workspace') ?? 'default'
  const fingerprint = fingerprintOf(path, [file.plan, file.source, workspace, flags.get('encoding')])
  const progressFile = fingerprint === null ? null : new ProgressFile(config.data, fingerprint)
  const done = progressFile?.read() ?? nothingDone
  if (done.entries > 0) terminal.out(`going on behind the first ${done.entries.toLocaleString('en')} events of this file\n`)
  const rejects = new RejectsFile(flags.get('rejects') ?? `${path === '-' ? 'import' : path}.rejected.csv`, done.rejectBytes)
  const fileBytes = path === '-' ? null : statSync(path).size
  const bar = new ProgressBar(terminal, () => systemClock.now())
  const begunAt = performance.now()
  return withOperations(config, async (operations) => {
    const target = targetOf(await operations.call('importTarget', { workspace }))
    const collector = new Caller(config.data, operations, (text) => terminal.err(text))
    const total = await runImport({
      file, done,
      context: { workspace: target.workspace, partitions: target.partitions, identity: identitySettingsFor(target), now: systemClock.now },
      send: async (records) => outcomeOf(await collector.call('importBlock', { workspace: target.workspace, records })),
      reject: (list) => rejects.add(list),
      progress: (progress) => {
        progressFile?.write(progress)
        bar.show({ what: 'imported', done: progress.events + progress.known, total: null, ...(fileBytes === null ? {} : { part: readBytes / fileBytes }) })
      },
    })
    rejects.close()
    await untilLoaded(collector, bar, total)
    progressFile?.remove()
    bar.finish({ what: 'imported', done: total.events + total.known, total: null })
    terminal.out(summary(total, { seconds: (performance.now() - begunAt) / 1_000, rejects: rejects.path }))
    return total.rejects === 0 ? 0 : 1
  })
}

function summary(total: ImportProgress, { seconds, rejects }: { readonly seconds: number; readonly rejects: string }): string {
  const numbers = (count: number): string => count.toLocaleString('en')
  return `${numbers(total.events)} events imported, ${numbers(total.known)} were there already, ${numbers(total.rejects)} lines rejected` +
    `${total.rejects === 0 ? '' : ` (see ${rejects})`}, in ${seconds.toFixed(1)} s\n`
}

/** Waits until every tier has what was sent. */
async function untilLoaded(collector: Caller, bar: ProgressBar, total: ImportProgress): Promise<void> {
  const deadline = performance.now() + loadedMsMax
  for (;;) {
    const rest = restOf(await collector.call('importRest', {}))
    if (rest.undecidedEvents + rest.unarchivedBatches + rest.unloadedBatches === 0) return
    if (performance.now() > deadline) throw new MillraceError('unavailable', 'everything is durable, but the pump or ClickHouse has not taken it in for ten minutes; see `millrace status`')
    bar.show({ what: 'imported', done: total.events + total.known, total: null, part: 1 })
    await systemClock.sleep(100)
  }
}

/** Calls the collector, and where it goes away finds it again: a block that was sent twice is stored once. */
class Caller {
  readonly #data: string
  readonly #warn: (text: string) => void
  #client: ControlClient

  constructor(data: string, client: ControlClient, warn: (text: string) => void) {
    this.#data = data
    this.#client = client
    this.#warn = warn
  }

  async call(method: string, params: unknown): Promise<unknown> {
    const deadline = performance.now() + reconnectMs
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await this.#client.call(method, params)
      } catch (error) {
        // What the collector refuses it refuses again; anything else is a collector that is away or busy.
        if (error instanceof MillraceError && !error.retryable) throw error
        if (attempt === 0) this.#warn(`the collector does not take it now (${messageOf(error)}); trying for a minute\n`)
        if (performance.now() > deadline) throw new MillraceError('unavailable', 'the collector is away; the same command goes on where this one stopped', { cause: error })
        await systemClock.sleep(Math.min(2_000, 100 * 2 ** attempt))
        this.#client = await connectControl(this.#data).catch(() => null) ?? this.#client
      }
    }
  }
}

function wishesOf(flags: ReadonlyMap<string, string>): PlanWishes {
  const fromFile: Map<string, string> = new Map()
  const fields = new Map<string, string>()
  const ignore: string[] = []
  for (const entry of (flags.get('map') ?? '').split('\n').filter((text) => text !== '')) {
    if (entry.endsWith('.json') && existsSync(entry)) readMapFile(entry, { fields, ignore, flags: fromFile })
    else placeMapping(entry, { fields, ignore })
  }
  const said = (name: string): string | undefined => flags.get(name) ?? fromFile.get(name)
  const [kind, source] = [said('kind'), said('source')]
  return {
    fields, ignore,
    ...(kind === undefined ? {} : { kind: kindOf(kind) }),
    ...(source === undefined ? {} : { source }),
    ...dateWishes(said('date-format'), said('time-zone')),
  }
}

function dateWishes(format: string | undefined, zone: string | undefined): Pick<PlanWishes, 'dateFormat' | 'offsetMinutes'> {
  const dateFormat: DateFormat | undefined = dateFormats.find((known) => known === format?.toUpperCase())
  if (format !== undefined && dateFormat === undefined) throw new MillraceError('bad_request', `--date-format must be ${dateFormats.join(' or ')}`)
  const offsetMinutes = zone === undefined ? undefined : offsetOf(zone)
  if (offsetMinutes === null) throw new MillraceError('bad_request', '--time-zone must be UTC or an offset such as +02:00')
  return { ...(dateFormat === undefined ? {} : { dateFormat }), ...(offsetMinutes === undefined ? {} : { offsetMinutes }) }
}

interface Mappings {
  readonly fields: Map<string, string>
  readonly ignore: string[]
}

function placeMapping(entry: string, { fields, ignore }: Mappings): void {
  const at = entry.indexOf('=')
  if (at < 1) throw new MillraceError('bad_request', `--map must be FIELD=COLUMN or a JSON file that is there, not ${JSON.stringify(entry)}`)
  const [field, column] = [entry.slice(0, at), entry.slice(at + 1)]
  if (field === 'ignore') ignore.push(column)
  else fields.set(field, column)
}

/** `{"kind", "source", "dateFormat", "timeZone", "fields": {"orderId": "Order no."}, "ignore": ["Notes"]}`, each optional. */
function readMapFile(path: string, { fields, ignore, flags }: Mappings & { readonly flags: Map<string, string> }): void {
  const names = new Map([['kind', 'kind'], ['source', 'source'], ['dateFormat', 'date-format'], ['timeZone', 'time-zone']])
  try {
    const file: unknown = JSON.parse(readFileSync(path, 'utf8'))
    if (typeof file !== 'object' || file === null) throw new Error('it is not an object')
    for (const [key, value] of Object.entries(file)) {
      const flag = names.get(key)
      if (flag !== undefined) flags.set(flag, String(value))
      else if (key === 'ignore' && Array.isArray(value)) ignore.push(...value.map(String))
      else if (key === 'fields') for (const [field, column] of Object.entries(Object(value))) fields.set(field, String(column))
      else throw new Error(`${JSON.stringify(key)} is none of ${[...names.keys()].join(', ')}, fields, ignore`)
    }
  } catch (error) {
    throw new MillraceError('bad_request', `--map: ${path} cannot be used: ${messageOf(error)}`, { cause: error })
  }
}

function kindOf(text: string): ImportKind {
  const kind = importKinds.find((known) => known === text)
  if (kind === undefined) throw new MillraceError('bad_request', `--kind must be ${importKinds.join(', ')}`)
  return kind
}

/** The running collector is this version of this program; anything else is refused. */
function targetOf(value: unknown): ImportTarget {
  const { workspace, partitions, region }: { workspace?: unknown; partitions?: unknown; region?: unknown } = Object(value)
  if (typeof workspace === 'number' && typeof partitions === 'number' && typeof region === 'string') return { workspace, partitions, region }
  throw new MillraceError('unavailable', 'the collector answered in another form; is it another version?')
}

function outcomeOf(value: unknown): BlockOutcome {
  const { stored, known }: { stored?: unknown; known?: unknown } = Object(value)
  if (typeof stored === 'number' && typeof known === 'number') return { stored, known }
  throw new MillraceError('unavailable', 'the collector answered in another form; is it another version?')
}

function restOf(value: unknown): LaneRest {
  const { undecidedEvents, unarchivedBatches, unloadedBatches }: Partial<Record<keyof LaneRest, unknown>> = Object(value)
  if (typeof undecidedEvents === 'number' && typeof unarchivedBatches === 'number' && typeof unloadedBatches === 'number') {
    return { undecidedEvents, unarchivedBatches, unloadedBatches }
  }
  throw new MillraceError('unavailable', 'the collector answered in another form; is it another version?')
}
