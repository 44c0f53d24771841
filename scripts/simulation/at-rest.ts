import { droppedId } from '../../collector/src/ports/dropped-id.ts'
import { generationSetting } from '../../collector/src/ports/generation-setting.ts'
import { decodeObject, sha256 } from '../../collector/src/pump/archive-object.ts'
import { readDecidedLine } from '../../collector/src/pump/read-archive-line.ts'
import { defaultIdentitySettings } from '../../collector/src/identity/identity-settings.ts'
import type { BatchRow } from '../../collector/src/ports/oltp.ts'
import { rowKey } from '../../collector/src/ports/olap.ts'
import type { Input, InputPlan, Item } from './input.ts'
import { identityKey } from './owner.ts'
import { replayed, undisturbed } from './reference.ts'
import { plainGzip } from './simulated-objects.ts'
import type { Stores } from './stores.ts'
import { checkPeople } from './people.ts'
import { beginMs, type World } from './world.ts'

interface Rested {
  readonly stores: Stores
  readonly input: Input
  readonly plan: InputPlan
}

interface ArchivedLine {
  readonly workspace: number
  readonly messageId: string
  /** As of the item. */
  readonly claimedId: string
  readonly partition: number
  readonly batch: number
  readonly profileId: string | null
}

/** Whether every tier holds what was sent, once, and the same. Everything is read from the stores, nothing from the product. */
export async function checkAtRest(world: World, rested: Rested): Promise<void> {
  const { stores, input, plan } = rested
  const { tables } = stores.oltp
  // Of one message id sent for two events either may be stored, and what can never be stored only counts while nothing else has come under its id.
  const items = new Map(input.items.map((item) => [rowKey(item.workspace, item.claimedId), item]))
  const optional = new Set([...items].filter(([key, { workspace, messageId }]) => key !== rowKey(workspace, messageId) && items.has(rowKey(workspace, messageId))).map(([key]) => key))
  const wrong = (what: string): void => world.violated(what)
  for (let partition = 0; partition < plan.partitions; partition += 1) checkBatches(partition, stores, wrong)
  const archived = await archivedLines(stores, wrong)
  if (world.violations.length > 0) return
  once('the archive', archived.map(({ workspace, claimedId }) => rowKey(workspace, claimedId)), { items, optional, wrong })
  once('the duplicate window', [...tables.claims.values()].map(({ workspace, messageId }) => rowKey(workspace, messageId)), { items, optional, wrong })
  if (!plan.conflicts) {
    checkFates(rested, { items, wrong })
    const context = { settings: defaultIdentitySettings, identityKey, clock: { now: () => beginMs, elapsed: () => 0, sleep: async () => {} } }
    const expected = await undisturbed(stores.log.everything(), context)
    checkPeople(expected, tables, wrong)
    if (world.choices.chance(0.2)) checkPeople(expected, await replayed(stores, plan.partitions, context), (what) => wrong(`replayed from the archive, ${what}`))
  }
  checkLoaded(stores, archived, wrong)
}

type Wrong = (what: string) => void

interface Expected {
  readonly items: ReadonlyMap<string, unknown>
  /** May be missing. */
  readonly optional?: ReadonlySet<string>
  readonly wrong: Wrong
}

function once(where: string, keys: readonly string[], { items, optional, wrong }: Expected): void {
  const seen = new Set<string>()
  for (const key of keys) {
    if (seen.has(key)) wrong(`${where} has ${key} twice`)
    if (!items.has(key)) wrong(`${where} has ${key}, which nobody sent`)
    seen.add(key)
  }
  for (const key of items.keys()) if (!seen.has(key) && optional?.has(key) !== true) wrong(`${where} has lost ${key}`)
}

/** Batches cover the log without gap and overlap, and count what is in it. */
function checkBatches(partition: number, { oltp: { tables }, log }: Stores, wrong: Wrong): void {
  const batches = tables.batchesOf(partition)
  const { records } = log.partition(partition)
  let position: string | null = null
  let next = 0
  batches.forEach((row, index) => {
    const name = `batch ${row.batch} of partition ${partition}`
    const covered = records.slice(next, next + row.records)
    next += row.records
    if (row.batch !== index + 1) wrong(`${name} stands at place ${index + 1}`)
    if (row.afterPosition !== position || covered[0]?.position !== row.firstPosition || covered.at(-1)?.position !== row.lastPosition) wrong(`${name} is not of the records that follow the batch before`)
    if (row.accepted !== covered.reduce((sum, { events }) => sum + events, 0)) wrong(`${name} counts ${row.accepted} events`)
    if (row.accepted !== row.stored + row.duplicate + row.quarantined) wrong(`${name} does not add up`)
    position = row.lastPosition
  })
  if (next !== records.length) wrong(`the batches of partition ${partition} have ${next} of ${records.length} records`)
}

/** The lines of all objects there are, each under a finished row, and the runs of these rows side by side. */
async function archivedLines({ oltp: { tables }, objects }: Stores, wrong: Wrong): Promise<readonly ArchivedLine[]> {
  const found: ArchivedLine[] = []
  const named = new Set<string>()
  for (const [partition, rows] of tables.objects) {
    let batch = 0
    for (const row of rows) {
      named.add(row.name)
      if (row.firstBatch !== batch + 1 || row.archivedAt === null) wrong(`the object of batches ${row.firstBatch} to ${row.lastBatch} of partition ${partition} follows batch ${batch}`)
      batch = row.lastBatch
      const bytes = objects.objects.get(row.name)
      const lines = bytes === undefined ? null : await decodeObject(row.name, bytes, plainGzip).catch(() => null)
      if (lines === null) wrong(`object ${row.name} is not there, or not as it was put`)
      for (const [number, content] of lines ?? []) found.push(...linesOf(content, tables.batchesOf(partition)[number - 1], wrong))
    }
    if (batch !== tables.batchesOf(partition).length) wrong(`the archive of partition ${partition} ends at batch ${batch}`)
  }
  for (const name of objects.objects.keys()) if (!named.has(name)) wrong(`object ${name} belongs to nobody`)
  return found
}

function linesOf(content: Buffer, row: BatchRow | undefined, wrong: Wrong): readonly ArchivedLine[] {
  if (row === undefined || row.digest !== sha256(content)) {
    wrong('an object holds a batch that is not the one that was decided')
    return []
  }
  return content.toString('utf8').split('\n').flatMap((line) => {
    const decided = line === '' ? null : readDecidedLine(line)
    if (decided === null) return []
    const { workspace, messageId, outcome } = decided
    const claimedId = 'dropped' in outcome && outcome.dropped === 'bad_json' ? droppedId(messageId) : messageId
    return [{ workspace, messageId, claimedId, partition: row.partition, batch: row.batch, profileId: 'profileId' in outcome ? outcome.profileId : null }]
  })
}

/** In the OLTP each item is what it had to become. */
function checkFates({ stores: { oltp: { tables } } }: Rested, { items, wrong }: { readonly items: ReadonlyMap<string, Item>; readonly wrong: Wrong }): void {
  const withFate = (fate: Item['fate']): ReadonlyMap<string, Item> =>
    new Map([...items.values()].filter((item) => item.fate === fate).map((item) => [rowKey(item.workspace, item.messageId), item]))
  const keysOf = (rows: Iterable<{ readonly workspace: number; readonly messageId: string }>): readonly string[] => [...rows].map(({ workspace, messageId }) => rowKey(workspace, messageId))
  once('the timeline', keysOf(tables.timeline.values()), { items: withFate('stored'), wrong })
  once('the quarantine', keysOf(tables.quarantine.values()), { items: withFate('quarantined'), wrong })
}

/** The OLAP has a row for each stored line of the archive, under the person that the line names and that the identifier points at now. */
function checkLoaded({ oltp: { tables }, olap }: Stores, archived: readonly ArchivedLine[], wrong: Wrong): void {
  const refused = new Set([...tables.refusals.values()].flatMap(({ rows }) => rows.map(({ workspace, messageId }) => rowKey(workspace, messageId))))
  const lines = new Map(archived.filter(({ profileId }) => profileId !== null).map((line) => [rowKey(line.workspace, line.messageId), line]))
  const expected = new Map([...lines].filter(([key]) => !refused.has(key)))
  if (String(olap.shown) !== tables.settings.get(generationSetting)) wrong(`the OLAP shows generation ${olap.shown}, and loads go to ${tables.settings.get(generationSetting)}`)
  const rows = olap.generations.get(olap.shown)?.rows ?? []
  once('the OLAP', rows.map(({ key }) => key), { items: expected, wrong })
  for (const { key, partition, batch, profileId, identifierKey } of rows) {
    const line = lines.get(key)
    if (line?.partition !== partition || line.batch !== batch || line.profileId !== profileId) wrong(`the row of ${key} is not what the archive has`)
    const identifier = tables.identity.identifierRows.get(identifierKey)
    const shown = olap.overrides.get(`${identifier?.workspace}/${identifierKey}`)?.profileId ?? profileId
    if (shown !== identifier?.profileId) wrong(`the OLAP shows ${key} under a profile that ${identifierKey} does not point at`)
    const known = olap.pointings.get(`${identifier?.workspace}/${identifierKey}/${identifier?.version}`)
    if (known?.profileId !== identifier?.profileId) wrong(`the OLAP does not know where ${identifierKey} points`)
  }
}
