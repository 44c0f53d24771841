import { expect, it } from 'vitest'
import { holdAgainst } from './hold-against.ts'

const expected = { stored: new Set(['a', 'b', 'c']), erased: new Set(['gone']) }
const once = new Map([['a', 1], ['b', 1], ['c', 1]])

it.each([
  ['all is well', once, { lost: 0, doubled: 0, faults: [] }],
  ['one is missing', new Map([['a', 1], ['c', 1]]), { lost: 1, doubled: 0, faults: ['OLAP lost 1, b among them'] }],
  ['all are missing', new Map(), { lost: 3, doubled: 0, faults: ['OLAP lost 3, a, b, c among them'] }],
  ['copies', new Map([...once, ['b', 3]]), { lost: 0, doubled: 2, faults: ['OLAP holds 2 copies'] }],
  ['one for another, so that the sum is right', new Map([['a', 2], ['b', 1]]), { lost: 1, doubled: 1, faults: ['OLAP lost 1, c among them', 'OLAP holds 1 copies'] }],
  ['an erased one', new Map([...once, ['gone', 1]]), { lost: 0, doubled: 0, faults: ['OLAP still holds 1 events of people who were erased'] }],
  ['one that nobody sent', new Map([...once, ['x', 1]]), { lost: 0, doubled: 0, faults: ['OLAP holds 1 events that nobody sent or that were dropped'] }],
])('finds in a tier: %s', (_, held, verdict) => {
  expect(holdAgainst(expected, new Map([['OLTP', once], ['OLAP', held]]))).toEqual(verdict)
})
