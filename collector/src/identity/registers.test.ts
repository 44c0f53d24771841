import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { propertySettings } from '../../test/property-settings.ts'
import { applyTraits, emptyRegisters, mergedProperties, parseRegisters, type Registers, serialiseRegisters } from './registers.ts'

const statement = fc.record({
  traits: fc.dictionary(fc.constantFrom('name', 'country', 'plan', '__proto__'), fc.constantFrom('a', 1, null, true, { nested: 1 }), { maxKeys: 4 }),
  time: fc.integer({ min: 1, max: 5 }),
})

describe('registers', () => {
  it('hold the latest value of each name, whatever order events arrive in, and however often', () => {
    const shuffled = fc.array(statement, { maxLength: 8 }).chain((list) => {
      const named = list.map((one, index) => ({ ...one, messageId: `m${index}`, receivedAt: 0 }))
      return fc.tuple(fc.constant(named), fc.shuffledSubarray([...named, ...named], { minLength: named.length * 2 }), fc.nat(8))
    })
    fc.assert(fc.property(shuffled, ([inOrder, mixed, cut]) => {
      const apply = (list: typeof inOrder): Registers => list.reduce((registers, one) => applyTraits(registers, one.traits, one), emptyRegisters())
      const expected = mergedProperties([apply(inOrder)])
      expect(mergedProperties([apply(mixed)])).toEqual(expected)
      // Split over two identifiers of one person, and through the text they are stored as.
      expect(mergedProperties([mixed.slice(0, cut), mixed.slice(cut)].map((part) => parseRegisters(serialiseRegisters(apply(part)))))).toEqual(expected)
    }), propertySettings(500))
  })

  it('unset by null, replace objects whole, and leave absent names alone', () => {
    const at = (time: number): { time: number; messageId: string; receivedAt: number } => ({ time, messageId: 'm', receivedAt: 0 })
    let registers = applyTraits(emptyRegisters(), { name: 'Ada', address: { city: 'Berlin', zip: '1' } }, at(1))
    registers = applyTraits(registers, { name: null, address: { city: 'Hamburg' } }, at(2))
    expect(mergedProperties([registers])).toEqual({ address: { city: 'Hamburg' } })
    expect(mergedProperties([applyTraits(registers, { name: 'late' }, at(1))])).toEqual({ address: { city: 'Hamburg' } })
  })

  it('stay bounded: the newest 512 names, no value over 4 KiB', () => {
    let registers = emptyRegisters()
    for (let time = 0; time < 600; time += 1) registers = applyTraits(registers, { [`name${time}`]: 1 }, { time, messageId: 'm', receivedAt: 0 })
    expect(registers.size).toBe(512)
    expect(registers.has('name599')).toBe(true)
    expect(registers.has('name0')).toBe(false)
    expect(applyTraits(emptyRegisters(), { long: 'x'.repeat(4_097), short: 1 }, { time: 1, messageId: 'm', receivedAt: 0 }).size).toBe(1)
  })

  it('keep the same names in whatever order, even beyond the bound', () => {
    const statements = Array.from({ length: 60 }, (_, index) => ({
      traits: Object.fromEntries(Array.from({ length: 20 }, (__, name) => [`name${(index * 13 + name) % 700}`, index])),
      time: index % 7, messageId: `m${index}`, receivedAt: 0,
    }))
    fc.assert(fc.property(fc.shuffledSubarray(statements, { minLength: statements.length }), (mixed) => {
      const apply = (list: typeof statements): Registers =>
        list.reduce((registers, one) => applyTraits(registers, one.traits, one), emptyRegisters())
      expect(mergedProperties([apply(mixed)])).toEqual(mergedProperties([apply(statements)]))
    }), propertySettings(30))
  })

  it('that cannot be read are corrupt', () => {
    expect(() => parseRegisters('{}')).toThrow(expect.objectContaining({ code: 'corrupt' }))
    expect(() => parseRegisters('[["name",1]]')).toThrow(expect.objectContaining({ code: 'corrupt' }))
  })
})
