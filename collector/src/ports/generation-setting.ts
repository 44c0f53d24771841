import type { LoadRefusal } from './load-outcome.ts'

/** The setting that names the generation of the OLAP that loads go to. */
export const generationSetting = 'olap_generation'

/** Another generation, in which everything that was loaded is, but for these rows. */
export interface GenerationSwap {
  readonly generation: number
  readonly refusals: readonly LoadRefusal[]
}
