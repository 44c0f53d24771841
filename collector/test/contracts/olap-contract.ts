import { existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { uuidText } from '../../src/platform/uuid.ts'
import { eventRow } from '../../src/ports/event-row.ts'
import { type Olap, rowKey } from '../../src/ports/olap.ts'

export interface OlapUnderTest {
  /** An empty store. */
  readonly olap: Olap
  cleanup(): Promise<void>
}

const t0 = Date.UTC(2026, 2, 1)

function uuid(number: number): string {
  const bytes = Buffer.alloc(16)
  bytes.writeUInt32BE(number, 12)
  return uuidText(bytes)
}

interface Row {
  readonly id: string
  readonly workspace?: number
  readonly person?: number
  readonly value?: number | string
  readonly text?: string
}

function rows(list: readonly Row[]): { readonly rows: Buffer; readonly rowCount: number } {
  const lines = list.map(({ id, workspace = 1, person = 1, value, text }) => eventRow({
    workspace, profileId: uuid(person), identifierKey: uuid(1_000 + person), receivedAt: t0, partition: 0, batch: 1,
    event: {
      messageId: id, type: 'track', event: 'Order Completed', userId: 'u', timestamp: new Date(t0).toISOString(), receivedAt: new Date(t0).toISOString(),
      properties: { order_id: id, currency: 'EUR', ...(value === undefined ? {} : { value }), ...(text === undefined ? {} : { text }) },
    },
  }).row)
  return { rows: Buffer.from(lines.join('')), rowCount: list.length }
}

/** What every OLAP driver promises; a driver joins with one call. The store is made once, since engines start slowly. */
export function olapContract(name: string, make: () => Promise<OlapUnderTest>): void {
  describe(`olap contract: ${name}`, () => {
    let under: OlapUnderTest
    let olap: Olap

    beforeAll(async () => {
      under = await make()
      olap = under.olap
      await olap.prepare()
      await olap.prepare()
      await olap.createGeneration(1)
      await olap.useGeneration(1)
    })

    afterAll(() => under.cleanup())

    async function ask(sql: string, workspace?: number): Promise<string> {
      return (await olap.query({ sql, format: 'TSV', ...(workspace === undefined ? {} : { workspace }) })).trim()
    }

    it('stores an insert once, however often it is repeated, and another one with the same rows again', async () => {
      const insert = { generation: 1, ...rows([{ id: 'a1', value: 1.5 }, { id: 'a2', value: '2.25' }]) }
      for (const token of ['one', 'one', 'two', 'one']) await olap.insert({ ...insert, token })
      expect(await ask("select count(), sum(value) from events where message_id like 'a%'")).toBe('4\t7.5')
      expect(await olap.countRows(1)).toBe(4)
    })

    it('says which rows of a run of batches are there', async () => {
      await olap.insert({ generation: 1, token: 'held', ...rows([{ id: 'h\t"1' }, { id: 'h2', workspace: 2 }]) })
      const held = await olap.heldRows(1, { partition: 0, firstBatch: 1, lastBatch: 1 })
      expect([rowKey(1, 'h\t"1'), rowKey(2, 'h2'), rowKey(1, 'h2')].map((key) => held.has(key))).toEqual([true, true, false])
      expect(await olap.heldRows(1, { partition: 0, firstBatch: 2, lastBatch: 9 })).toEqual(new Set())
      expect(await olap.heldRows(1, { partition: 1, firstBatch: 1, lastBatch: 1 })).toEqual(new Set())
    })

    it('gives every column back as it was written', async () => {
      await olap.insert({ generation: 1, token: 'columns', ...rows([{ id: 'c1', value: '-12.3456', text: 'tab\t "quote" \\ ü \u2028' }]) })
      const json = await olap.query({ sql: "select * from events where message_id = 'c1'", format: 'JSONEachRow' })
      expect(JSON.parse(json)).toMatchObject({
        workspace: 1, metric: 'Order Completed', type: 'track', identifier_key: uuid(1_001), profile_id: uuid(1), time: '2026-03-01 00:00:00.000',
        received_at: '2026-03-01 00:00:00.000', message_id: 'c1', value: -12.3456, currency: 'EUR', order_id: 'c1', product_id: '', quantity: null,
        properties_string: { order_id: 'c1', currency: 'EUR', value: '-12.3456', text: 'tab\t "quote" \\ ü \u2028' },
      })
      expect(await ask("select JSONExtractString(properties, 'text') = 'tab\\t \"quote\" \\\\ ü \u2028' from events where message_id = 'c1'")).toBe('1')
    })

    it('shows rows under the profile that their identifier points at now', async () => {
      await olap.insert({ generation: 1, token: 'override', ...rows([{ id: 'o1', person: 2 }, { id: 'o2', person: 3 }]) })
      const override = { workspace: 1, identifierKey: uuid(1_002) }
      await olap.putOverrides([{ ...override, profileId: uuid(3), version: 2 }])
      expect(await ask("select uniqExact(profile_id) from events where message_id in ('o1', 'o2')")).toBe('1')
      await olap.putOverrides([{ ...override, profileId: uuid(9), version: 1 }])
      expect(await ask("select toString(profile_id) from events where message_id = 'o1'")).toBe(uuid(3))
      await olap.putOverrides([{ ...override, profileId: uuid(2), version: 3 }, { workspace: 2, identifierKey: uuid(1_003), profileId: uuid(8), version: 1 }])
      expect(await ask("select message_id, toString(profile_id) from events where message_id like 'o%' order by 1")).toBe(`o1\t${uuid(2)}\no2\t${uuid(3)}`)
    })

    it('shows one workspace only its own rows', async () => {
      await olap.insert({ generation: 1, token: 'workspaces', ...rows([{ id: 'w1', workspace: 1 }, { id: 'w2', workspace: 2 }]) })
      const mine = "select message_id from events where message_id like 'w%'"
      expect(await ask(mine, 2)).toBe('w2')
      for (const attempt of [
        "select message_id from (select * from events union all select * from events) where message_id like 'w%' group by 1",
        "with e as (select * from events) select message_id from e where message_id like 'w%' and 1 or message_id like 'w%'",
        `${mine} -- `,
      ]) expect(await ask(attempt, 2)).toBe('w2')
      await expect(ask(`${mine} settings additional_table_filters = {}`, 2)).rejects.toMatchObject({ code: 'bad_query' })
    })

    it('refuses one workspace every way around the filter', async () => {
      await olap.insert({ generation: 1, token: 'around', ...rows([{ id: 'z1', workspace: 1, person: 40 }, { id: 'z2', workspace: 2, person: 41 }]) })
      await olap.putOverrides([{ workspace: 1, identifierKey: uuid(1_040), profileId: uuid(44), version: 1 }])
      const database = await ask('select currentDatabase()')
      for (const attempt of [
        `select message_id from merge('${database}', 'event_g1')`, `select message_id from loop('${database}', 'event_g1') limit 9`,
        `select message_id from remote('127.0.0.1', '${database}', 'event_g1')`, "select * from view(select * from events)",
        'select * from identity', `select * from ${database}.identity`, `select * from \`${database}\`.\`identity\``, "select * from dictionary('identity')",
        `select dictGet('${database}.identity', 'profile_id', (1::UInt32, '${uuid(1_040)}'::UUID))`, `select '1' in ${database}.identity_override`,
        `select * from mergeTreeIndex('${database}', 'event_g1')`, 'select total_rows from system.tables', 'select query from SYSTEM.processes',
        'select * from information_schema.tables', 'with x as (select * from identity) select * from x', 'explain select 1', 'kill query where 1',
        "select 1; select message_id from events settings additional_table_filters = {}", "select 1 format Null; select * from identity",
        "set additional_table_filters = {}", 'select (select count() from identity_override)', "select 1 as `a, function_name: count`, * from identity",
        "select message_id from events where message_id in (select message_id from merge(currentDatabase(), 'event_g1'))",
      ]) await expect(ask(attempt, 2), attempt).rejects.toMatchObject({ code: 'bad_query' })
      await expect(olap.query({ sql: 'select * from {t:Identifier}', params: { t: 'identity' }, format: 'TSV', workspace: 2 })).rejects.toMatchObject({ code: 'bad_query' })
      const open = "where message_id like 'z%'"
      for (const attempt of [
        `select message_id from events ${open}`, `select message_id from event_g1 ${open}`, `select max(message_id) from ${database}.event_g1 ${open}`,
        `select message_id from events ${open} or workspace = 1 and message_id = 'z1'`, `select any(message_id) from (select * from event_g1 ${open})`,
        `with e as (select * from event_g1) select a.message_id from e as a join events as b using (message_id) ${open}`,
        `select message_id from events final ${open}`, `select message_id from events ${open} format TSV`,
      ]) expect(await ask(attempt, 2), attempt).toBe('z2')
      expect(await ask('select count(), sum(number) from numbers(3)', 2)).toBe('3\t3')
    })

    it('lets no query reach the host', async () => {
      const target = join(tmpdir(), `millrace-outfile-${process.pid}`)
      for (const attempt of [
        `select 1 into outfile '${target}'`, `select 1 into /* x */ outfile '${target}' format CSV`, `explain select 1 into outfile '${target}'`,
        "select file('/etc/hostname')", "select `file`('/etc/hostname')", "select FILE('/etc/hostname') as `x, function_name: count`",
        "select file('/etc/hostname') as `x\n, function_name: count`", "explain select file('/etc/hostname')",
        "select * apply(file) from values('a String', '/etc/hostname')", "select arrayMap(file, ['/etc/hostname'])",
        "select * from url('http://127.0.0.1:1/', 'LineAsString', 'l String')", "select hasColumnInTable('127.0.0.1:1', 'a', 'b', 'c')", 'select 1; select 2',
      ]) await expect(ask(attempt), attempt).rejects.toMatchObject({ code: 'bad_query' })
      expect(existsSync(target)).toBe(false)
      expect(await ask("select 'into outfile'")).toBe('into outfile')
    })

    it('lets a query read only', async () => {
      for (const attempt of ['drop table events', 'create table t (a Int8) engine = Memory', "insert into events (message_id) values ('x')",
        "select * from file('/etc/hostname', 'TSV', 'a String')", 'set readonly = 0', 'select 1 settings readonly = 0']) {
        await expect(ask(attempt)).rejects.toMatchObject({ code: 'bad_query' })
      }
      expect(Number(await ask('select count() from events'))).toBeGreaterThan(0)
    })

    it('binds parameters as values', async () => {
      const hostile = "x' or 1 = 1 --\\"
      const result = await olap.query({
        sql: 'select {text:String} as text, {number:Int32} + 1 as number, {list:Array(String)} as list', format: 'JSONEachRow',
        params: { text: hostile, number: 41, list: ["it's", 'b\\'] },
      })
      expect(JSON.parse(result)).toEqual({ text: hostile, number: 42, list: ["it's", 'b\\'] })
    })

    it("gives the engine's own words for a bad query", async () => {
      await expect(ask('selec 1')).rejects.toMatchObject({ code: 'bad_query', message: expect.stringMatching(/syntax/i) })
      await expect(ask('select no_such_column from events')).rejects.toMatchObject({ code: 'bad_query', message: expect.stringContaining('no_such_column') })
      await expect(olap.query({ sql: 'select 1', format: 'NoFormat' })).rejects.toMatchObject({ code: 'bad_query' })
    })

    it('keeps every version of where an identifier points, and the batch that made it', async () => {
      const row = { workspace: 1, identifierKey: uuid(2_001), profileId: uuid(21), version: 1, partition: 3, batch: 7 }
      await olap.putPointings([row, { ...row, profileId: uuid(22), version: 2, batch: 9 }])
      await olap.putPointings([{ ...row, profileId: uuid(22), version: 2, partition: 0, batch: 0 }, row])
      await olap.putPointings([])
      const sql = `select version, toString(profile_id), max((batch, partition)).2, max(batch) from identifier where identifier_key = '${uuid(2_001)}' group by 1, 2 order by 1`
      expect((await olap.query({ sql, format: 'TSV', own: true })).trim()).toBe(`1\t${uuid(21)}\t3\t7\n2\t${uuid(22)}\t3\t9`)
      await expect(ask('select * from identifier', 1)).rejects.toMatchObject({ code: 'bad_query' })
      await expect(olap.query({ sql: 'drop table identifier', format: 'TSV', own: true })).rejects.toMatchObject({ code: 'bad_query' })
    })

    it('fills a new generation beside the old one and swaps', async () => {
      expect(await olap.currentGeneration()).toBe(1)
      await olap.createGeneration(2)
      await olap.insert({ generation: 2, token: 'one', ...rows([{ id: 'g1' }]) })
      expect(await ask("select count() from events where message_id = 'g1'")).toBe('0')
      await olap.useGeneration(2)
      expect(await olap.currentGeneration()).toBe(2)
      expect(await ask('select message_id from events')).toBe('g1')
      await olap.dropGeneration(1)
      await olap.dropGeneration(1)
    })
  })
}
