import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { MillraceError } from '../platform/errors.ts'

/** The sample, in a clone or beside the built program. Fails with `not_found` where it was taken out. */
export function sampleFile(): string {
  for (const place of ['../../../examples/data/', './']) {
    const path = fileURLToPath(new URL(`${place}online-retail-sample.csv.gz`, import.meta.url))
    if (existsSync(path)) return path
  }
  throw new MillraceError('not_found', 'the sample is not installed; name a file in the form of the Online Retail data set with --file')
}
