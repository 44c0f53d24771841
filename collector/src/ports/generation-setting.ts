import type { LoadRefusal } from './load-outcome.ts'

/** The setting that names the generation of the OLAP that loads go to. */
export const generationSetting = 'olap_generation'

/** The setting that holds the highest number that a rebuild was given. */
export const newestGenerationSetting = 'olap_generation_newest'

/** What a rebuild begins with: both only ever rise, so whatever is below `live` is over, whoever asks. */
export interface NewGeneration {
  readonly live: number
  /** No other rebuild was or will be given it, so its table is this one's alone. */
  readonly generation: number
}

/** As both settings hold them, before the new number is stored. */
export function generationAfter(live: string | null, newest: string | null): NewGeneration {
  return { live: Number(live ?? 1), generation: Math.max(Number(live ?? 1), Number(newest ?? 0)) + 1 }
}

/** Another generation, in which everything that was loaded is, but for these rows. */
export interface GenerationSwap {
  readonly generation: number
  readonly refusals: readonly LoadRefusal[]
}
