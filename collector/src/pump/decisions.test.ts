import { quarantineReasons } from '@millrace/schemas'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { propertySettings } from '../../test/property-settings.ts'
import { type Decision, packDecisions, unpackDecisions } from './decisions.ts'

const uuid = fc.uuid()
const decision: fc.Arbitrary<Decision> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ profileId: uuid, identifierKey: uuid }) },
  { weight: 2, arbitrary: fc.constant<Decision>('duplicate') },
  { weight: 1, arbitrary: fc.constantFrom(...quarantineReasons).map((dropped): Decision => ({ dropped })) },
)

describe('packed decisions', () => {
  it('come back as they were, whatever they are', () => {
    const runs = fc.array(fc.tuple(decision, fc.integer({ min: 1, max: 40 })), { maxLength: 30 })
      .map((pairs) => pairs.flatMap(([one, times]) => Array.from({ length: times }, () => one)))
    fc.assert(fc.property(runs, (decisions) => {
      expect(unpackDecisions(packDecisions(decisions))).toEqual(decisions)
    }), propertySettings(200))
  })

  it('of one person in a row take a few bytes', () => {
    const same = { profileId: '00000000-0000-8000-8000-000000000001', identifierKey: '00000000-0000-8000-8000-000000000002' }
    expect(packDecisions(Array.from({ length: 1_000 }, () => same))).toHaveLength(36 + 1 + 36 + 1 + 4)
  })

  it('that name what is not there are corrupt', () => {
    expect(() => unpackDecisions(';0')).toThrow(expect.objectContaining({ code: 'corrupt' }))
    expect(() => unpackDecisions(';!no_such_reason')).toThrow(expect.objectContaining({ code: 'corrupt' }))
  })
})
