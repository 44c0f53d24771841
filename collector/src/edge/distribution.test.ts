import fc from 'fast-check'
import { Histogram, Registry } from 'prom-client'
import { expect, it } from 'vitest'
import { propertySettings } from '../../test/property-settings.ts'
import { Distribution } from './distribution.ts'

it('prints what a histogram of the same observations prints', async () => {
  // Without a bound of -1, which prom-client takes for none at all.
  const names = { name: 'seconds', help: 'what it takes', buckets: [-2, 0, 0.5, 2] }
  await fc.assert(fc.asyncProperty(fc.array(fc.oneof(fc.constantFrom(-2, 0, 0.5, 2), fc.integer({ min: -40, max: 40 }).map((eighths) => eighths / 8))), async (values) => {
    const [own, known] = [new Registry(), new Registry()]
    const distribution = new Distribution(own, names)
    const histogram = new Histogram({ ...names, registers: [known] })
    for (const value of values) {
      distribution.observe(value)
      histogram.observe(value)
    }
    expect(await own.metrics()).toBe(await known.metrics())
  }), propertySettings(100))
})
