import type { PropertyFilter, Scalar } from '@millrace/schemas'
import { decimalOf } from './property-value.ts'

/** The engine searches for so many at once. */
const textsMax = 250

/**
 * Texts of which the JSON of an event's properties must hold at least one if the filter passes; null where nothing like that can be said. To look for them
 * costs a fraction of reading the JSON, and most events hold none.
 */
export function necessaryTexts(filter: PropertyFilter): readonly string[] | null {
  switch (filter.operator) {
    case 'equals': return filter.ignoreCase === true ? null : textsOf([filter.value])
    case 'in': return filter.ignoreCase === true ? null : textsOf(filter.value)
    default: return null
  }
}

function textsOf(wanted: readonly Scalar[]): readonly string[] | null {
  const texts = new Set<string>()
  for (const one of wanted) {
    const spellings = spellingsOf(one)
    if (spellings === null) return null
    for (const spelling of spellings) texts.add(spelling)
  }
  return texts.size === 0 || texts.size > textsMax ? null : [...texts]
}

/** As the edge writes a text that equals it, or a number that it spells. A number may be equal to a text in any spelling. */
function spellingsOf(wanted: Scalar): readonly string[] | null {
  if (typeof wanted !== 'string' || wanted === '' || !wanted.isWellFormed()) return null
  const text = JSON.stringify(wanted).slice(1, -1)
  const number = decimalOf(wanted)
  if (number === null) return [text]
  // Greater whole numbers are written otherwise for the engine.
  return Math.abs(number) < 2 ** 53 ? [text, JSON.stringify(number)] : null
}
