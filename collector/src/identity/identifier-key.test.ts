import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { propertySettings } from '../../test/property-settings.ts'
import { identifierKinds } from '../ports/identity.ts'
import { identifierKey } from './identifier-key.ts'

describe('identifierKey', () => {
  it('is for ever the same: stored data hangs on it', () => {
    expect(identifierKey(1, { kind: 'email', namespace: '', value: 'a@b.example' }))
      .toBe('e52635dd-2f48-8032-807f-342ea7aa0c9d')
  })

  it('differs where workspace, kind, namespace or value differ, however they run into each other', () => {
    const part = fc.string({ unit: fc.constantFrom('/', '1', 'a', 'email'), maxLength: 4 })
    const node = fc.record({
      workspace: fc.constantFrom(1, 11), kind: fc.constantFrom(...identifierKinds), namespace: part, value: part,
    })
    fc.assert(fc.property(node, node, (a, b) => {
      const same = a.workspace === b.workspace && a.kind === b.kind
        && a.namespace === b.namespace && a.value === b.value
      expect(identifierKey(a.workspace, a) === identifierKey(b.workspace, b)).toBe(same)
    }), propertySettings(2_000))
  })

  it('is a UUID of version 8', () => {
    expect(identifierKey(1, { kind: 'phone', namespace: '', value: '+491711234567' }))
      .toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  })
})
