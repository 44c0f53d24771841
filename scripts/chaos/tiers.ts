import { connectControl } from '../../collector/src/control-client.ts'
import { decodeObject } from '../../collector/src/pump/archive-object.ts'
import { readArchiveLine } from '../../collector/src/pump/read-archive-line.ts'
import type { Counts } from './hold-against.ts'
import type { TierStore } from './tier-store.ts'

const laterPeople = /^-(?:new|gone|cart)\d/
const firstWorkspace = 1

/** A message id as it is counted: another workspace may have the same ones. */
export function idIn(workspace: number, id: string): string {
  return workspace === firstWorkspace ? id : `${id} in workspace ${workspace}`
}

/** What the stores of a collector hold, read from them and not from what the collector says of them. At rest only. */
export class Tiers {
  readonly #data: string
  readonly #store: TierStore
  /** Message ids of each archive object; an object never changes. */
  readonly #objects = new Map<string, readonly string[]>()

  constructor(data: string, store: TierStore) {
    this.#data = data
    this.#store = store
  }

  async counts(name: string): Promise<ReadonlyMap<string, Counts>> {
    const timeline = (await this.#store.rows('SELECT workspace, message_id AS id FROM timeline')).map(({ workspace, id }) => idIn(Number(workspace), String(id)))
    return new Map([['OLTP', countsOf(timeline, name)], ['archive', countsOf(await this.#archived(), name)], ['OLAP', await this.#loaded(name)]])
  }

  /** Rules of the profile store as a whole that do not hold, in words. */
  async faults(): Promise<readonly string[]> {
    const rules: readonly (readonly [string, string])[] = [
      ['events counted for metrics other than once', `SELECT abs((SELECT count(*) FROM timeline) - (SELECT ifnull(sum(count), 0) FROM identifier_metric)) AS n`],
      ['identifiers that point at no live profile', `SELECT count(*) AS n FROM identifier LEFT JOIN profile USING (workspace, profile_id)
        WHERE profile.profile_id IS NULL OR merged_into IS NOT NULL`],
      ['redirects that lead to no live profile', `SELECT count(*) AS n FROM profile AS gone LEFT JOIN profile AS live
        ON live.workspace = gone.workspace AND live.profile_id = gone.merged_into WHERE gone.merged_into IS NOT NULL AND (live.profile_id IS NULL OR live.merged_into IS NOT NULL)`],
    ]
    const faults: string[] = []
    for (const [what, sql] of rules) {
      const n = Number((await this.#store.rows(sql))[0]?.['n'])
      if (n !== 0) faults.push(`${n} ${what}`)
    }
    return faults
  }

  /** Which identifiers of an input are one person, as text that is the same for every input; without those who came in later rounds. */
  async partition(name: string): Promise<string> {
    const groups = new Map<string, string[]>()
    const rows = await this.#store.rows('SELECT kind, value, hex(profile_id) AS profile FROM identifier WHERE workspace = 1')
    for (const { kind, value, profile } of rows) {
      if (!String(value).startsWith(`${name}-`) || laterPeople.test(String(value).slice(name.length))) continue
      const group = groups.get(String(profile)) ?? []
      group.push(`${String(kind)}:${String(value).slice(name.length)}`)
      groups.set(String(profile), group)
    }
    return [...groups.values()].map((group) => group.toSorted().join(' ')).toSorted().join('\n')
  }

  /** Events of an input that the OLAP shows under a profile which is none, or of another. */
  async strayProfiles(name: string): Promise<number> {
    const live = new Set((await this.#store.rows('SELECT DISTINCT hex(profile_id) AS profile FROM identifier')).map(({ profile }) => String(profile)))
    const shown = await this.#sql(`select distinct replaceAll(upper(toString(profile_id)), '-', '') from events where startsWith(message_id, '${name}-')`)
    return shown.filter((profile) => !live.has(profile)).length
  }

  /** All that a rebuild of the OLAP may not change, in a few words. */
  async olapDigest(): Promise<string> {
    return (await this.#sql("select count(), sum(cityHash64(workspace, message_id, metric, toString(time), toString(profile_id), properties)) from events")).join()
  }

  /** All that a rebuild of the profiles from the archive may not change. */
  async peopleDigest(): Promise<string> {
    const people = await this.#store.rows('SELECT workspace, kind, value, hex(profile_id) AS profile FROM identifier')
    const metrics = await this.#store.rows('SELECT workspace, hex(identifier_key) AS identifier, metric, count FROM identifier_metric')
    return [...people, ...metrics].map((row) => Object.values(row).map(String).join(' ')).toSorted().join('\n')
  }

  async #archived(): Promise<readonly string[]> {
    const ids: string[] = []
    for (const row of await this.#store.rows('SELECT name FROM archive_object WHERE archived_at IS NOT NULL')) {
      const object = String(row['name'])
      const known = this.#objects.get(object) ?? await this.#idsOf(object)
      this.#objects.set(object, known)
      ids.push(...known)
    }
    return ids
  }

  async #idsOf(object: string): Promise<readonly string[]> {
    const batches = await decodeObject(object, await this.#store.object(object))
    return [...batches.values()].flatMap((lines) => lines.toString('utf8').split('\n').flatMap((line) => {
      const archived = line === '' ? null : readArchiveLine(line)
      return archived === null ? [] : [idIn(archived.workspace, archived.event.messageId)]
    }))
  }

  async #loaded(name: string): Promise<Counts> {
    const lines = await this.#sql(`select workspace, message_id, count() from events where startsWith(message_id, '${name}-') group by workspace, message_id`)
    return new Map(lines.map((line) => {
      const [workspace, id = '', count] = line.split('\t')
      return [idIn(Number(workspace), id), Number(count)]
    }))
  }

  async #sql(sql: string): Promise<readonly string[]> {
    const control = await connectControl(this.#data)
    if (control === null) throw new Error('the collector has no control port')
    return String(await control.call('sql', { sql, format: 'TSV' })).split('\n').filter((line) => line !== '')
  }
}

function countsOf(ids: readonly string[], name: string): Counts {
  const counts = new Map<string, number>()
  for (const id of ids) if (id.startsWith(`${name}-`)) counts.set(id, (counts.get(id) ?? 0) + 1)
  return counts
}
