import { describe, expect, it } from 'vitest'
import type { OlapInsert } from '../ports/olap.ts'
import { insertMissing } from './insert-missing.ts'

const run = { partition: 0, firstBatch: 1, lastBatch: 2 }
const clock = { sleep: async () => {} }

function insertOf(ids: readonly string[]): OlapInsert {
  return { generation: 1, token: 'load', rows: Buffer.from(ids.map((id) => `{"workspace":1,"message_id":"${id}"}\n`).join('')), rowCount: ids.length }
}

/** An engine that drops an insert under a token that it knows; both memories are given, as a power loss may leave them. */
function engine({ rows, tokens }: { readonly rows: readonly string[]; readonly tokens: readonly string[] }) {
  const [held, known] = [[...rows], new Set(tokens)]
  const inserts: { readonly token: string; readonly rows: number }[] = []
  return {
    held, inserts,
    heldRows: async () => new Set(held.map((id) => `1 ${id}`)),
    insert: async ({ token, rows: bytes, rowCount }: OlapInsert) => {
      inserts.push({ token, rows: rowCount })
      if (known.has(token)) return
      known.add(token)
      held.push(...Buffer.from(bytes).toString('utf8').trim().split('\n').map((line) => {
        const { message_id: id }: { readonly message_id: string } = JSON.parse(line)
        return id
      }))
    },
  }
}

describe('an insert of which nobody knows whether it was done', () => {
  it.each([
    ['nothing is there', { rows: [], tokens: [] }, [{ token: 'load', rows: 3 }]],
    ['all is there', { rows: ['a', 'b', 'c'], tokens: ['load'] }, []],
    ['all is there and its token is forgotten', { rows: ['a', 'b', 'c'], tokens: [] }, []],
    ['some is there and its token is forgotten', { rows: ['b'], tokens: [] }, [{ token: 'load', rows: 2 }]],
    ['the token is known and the rows are lost', { rows: [], tokens: ['load'] }, [{ token: 'load', rows: 3 }, { token: 'load/again/1', rows: 3 }]],
    ['the token is known and some rows are lost', { rows: ['a'], tokens: ['load'] }, [{ token: 'load', rows: 2 }, { token: 'load/again/1', rows: 2 }]],
    ['two tokens are known and the rows are lost', { rows: [], tokens: ['load', 'load/again/1'] }, [
      { token: 'load', rows: 3 }, { token: 'load/again/1', rows: 3 }, { token: 'load/again/2', rows: 3 },
    ]],
  ])('is there once: %s', async (_, state, inserts) => {
    const olap = engine(state)
    await insertMissing(run, insertOf(['a', 'b', 'c']), { olap, clock })
    expect(olap.held.toSorted()).toEqual(['a', 'b', 'c'])
    expect(olap.inserts).toEqual(inserts)
  })

  it('fails where the rows do not stay', async () => {
    const olap = { heldRows: async () => new Set<string>(), insert: async () => {} }
    await expect(insertMissing(run, insertOf(['a']), { olap, clock })).rejects.toMatchObject({ code: 'unavailable', retryable: true })
  })
})
