import fc from 'fast-check'
import { expect, it } from 'vitest'
import { propertySettings } from '../../test/property-settings.ts'
import { MillraceError } from '../platform/errors.ts'
import { type OlapInsert, rowKey } from '../ports/olap.ts'
import { insertAround } from './insert-around.ts'

/** An OLAP that stores each token once and refuses an insert that holds one of some rows; `dies` fails that many inserts before or after they are done. */
class PickyOlap {
  readonly stored = new Map<string, readonly number[]>()
  readonly #refuses: ReadonlySet<number>
  inserts = 0
  dies = 0

  constructor(refuses: readonly number[]) {
    this.#refuses = new Set(refuses)
  }

  async insert({ token, rows, rowCount }: OlapInsert): Promise<void> {
    this.inserts += 1
    const numbers = Buffer.from(rows).toString().split('\n').filter((line) => line !== '').map((line) => Number(Reflect.get(Object(JSON.parse(line)), 'message_id')))
    expect(numbers).toHaveLength(rowCount)
    if (this.dies > 0 && this.inserts % 3 === 0) {
      this.dies -= 1
      if (this.inserts % 2 === 0) this.#store(token, numbers)
      throw new MillraceError('unavailable', 'away', { retryable: true })
    }
    if (numbers.some((number) => this.#refuses.has(number))) throw new MillraceError('olap_refused', `no ${numbers.join()}`)
    this.#store(token, numbers)
  }

  #store(token: string, numbers: readonly number[]): void {
    if (!this.stored.has(token) && !numbers.some((number) => this.#refuses.has(number))) this.stored.set(token, numbers)
  }

  get numbers(): readonly number[] {
    return [...this.stored.values()].flat().toSorted((a, b) => a - b)
  }
}

function insertOf(count: number): OlapInsert {
  const rows = Array.from({ length: count }, (_, number) => `${JSON.stringify({ workspace: 1, message_id: String(number), properties: '{"text":"größe"}' })}\n`).join('')
  return { generation: 1, token: 'load', rows: Buffer.from(rows), rowCount: count }
}

it('stores every row but those that are refused, once, whatever fails meanwhile', async () => {
  await fc.assert(fc.asyncProperty(
    fc.integer({ min: 1, max: 60 }), fc.array(fc.nat(59), { maxLength: 8 }), fc.nat(5),
    async (count, refuses, dies) => {
      const olap = new PickyOlap(refuses)
      olap.dies = dies
      let refusal: Awaited<ReturnType<typeof insertAround>> | undefined
      while (refusal === undefined) refusal = await insertAround(insertOf(count), olap).catch(() => undefined)
      const all = Array.from({ length: count }, (_, number) => number)
      expect(olap.numbers).toEqual(all.filter((number) => !refuses.includes(number)))
      expect((refusal?.rows ?? []).map(({ messageId }) => Number(messageId))).toEqual(all.filter((number) => refuses.includes(number)))
    },
  ), propertySettings())
})

it('stores every row once where another begins in between, with what is there by then', async () => {
  await fc.assert(fc.asyncProperty(
    fc.integer({ min: 2, max: 40 }), fc.array(fc.nat(39), { minLength: 1, maxLength: 4 }), fc.integer({ min: 1, max: 12 }),
    async (count, refuses, beginsAt) => {
      const olap = new PickyOlap(refuses)
      let inserts = 0
      const overtaken = {
        insert: async (insert: OlapInsert): Promise<void> => {
          inserts += 1
          if (inserts === beginsAt) await insertAround(insertOf(count), olap, new Set(olap.numbers.map((number) => rowKey(1, String(number)))))
          await olap.insert(insert)
        },
      }
      await insertAround(insertOf(count), overtaken)
      expect(olap.numbers).toEqual(Array.from({ length: count }, (_, number) => number).filter((number) => !refuses.includes(number)))
    },
  ), propertySettings())
})

it('takes a table that refuses everything for a wrong table', async () => {
  const olap = new PickyOlap(Array.from({ length: 500 }, (_, number) => number))
  await expect(insertAround(insertOf(500), olap)).rejects.toMatchObject({ code: 'olap_refused' })
})
