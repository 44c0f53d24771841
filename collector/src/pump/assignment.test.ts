import { describe, expect, it } from 'vitest'
import type { MemberRow } from '../ports/oltp.ts'
import { assignPartitions } from './assignment.ts'

const both = ['pump', 'load'] as const
const members: readonly MemberRow[] = ['a', 'b', 'c'].map((member) => ({ member, roles: both }))

function owners(list: readonly MemberRow[], partitions = 48): readonly string[] {
  return Array.from({ length: partitions }, (_, partition) =>
    list.filter(({ member }) => assignPartitions(member, list, partitions).get(partition)?.includes('pump')).map(({ member }) => member).join())
}

describe('assignPartitions', () => {
  it('gives each partition to one member, fairly, whatever the order of the list', () => {
    const owned = owners(members)
    expect(owned.every((owner) => ['a', 'b', 'c'].includes(owner))).toBe(true)
    for (const member of ['a', 'b', 'c']) expect(owned.filter((owner) => owner === member).length).toBeGreaterThan(8)
    expect(owners(members.toReversed())).toEqual(owned)
  })

  it('moves only the share of a member that goes', () => {
    const before = owners(members)
    const after = owners(members.filter(({ member }) => member !== 'b'))
    before.forEach((owner, partition) => {
      if (owner !== 'b') expect(after[partition]).toBe(owner)
      else expect(['a', 'c']).toContain(after[partition])
    })
  })

  it('gives roles only to members that have them, both to one where it can', () => {
    const mixed: readonly MemberRow[] = [{ member: 'p', roles: ['pump'] }, { member: 'l', roles: ['load'] }]
    expect([...assignPartitions('p', mixed, 2).values()]).toEqual([['pump'], ['pump']])
    expect([...assignPartitions('l', mixed, 2).values()]).toEqual([['load'], ['load']])
    expect([...assignPartitions('a', members, 48).values()].every((roles) => roles.length === 2)).toBe(true)
    expect(assignPartitions('x', [], 4).size).toBe(0)
  })
})
