import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { MillraceError } from '../platform/errors.ts'

/** The sample that comes with the source. Fails with `not_found` where only the package is installed. */
export function sampleFile(): string {
  for (const place of ['../../../examples/data/', '../examples/data/', '../data/']) {
    const path = fileURLToPath(new URL(`${place}online-retail-sample.csv.gz`, import.meta.url))
    if (existsSync(path)) return path
  }
  throw new MillraceError('not_found', 'the sample is not installed; name a file in the form of the Online Retail data set with --file')
}
