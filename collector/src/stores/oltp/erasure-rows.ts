import { MillraceError } from '../../platform/errors.ts'
import type { ErasureRow } from '../../ports/erasure-store.ts'
import { erasureModes, type ErasureMode } from '../../ports/record.ts'
import { numberOf, type Row, textOf, textOrNull } from './row.ts'

export function erasureRow(row: Row): ErasureRow {
  const collected = textOrNull(row, 'collected')
  return {
    workspace: numberOf(row, 'workspace'), id: textOf(row, 'id'), at: numberOf(row, 'at'), mode: modeOf(textOf(row, 'mode')),
    identifierKeys: listOf(textOf(row, 'identifier_keys')), collected: collected === null ? null : collectedOf(collected),
    erasedEvents: numberOf(row, 'erased_events'), replacedObjects: listOf(textOf(row, 'replaced_objects')), report: textOrNull(row, 'report'),
  }
}

export function modeOf(text: string): ErasureMode {
  const mode = erasureModes.find((known) => known === text)
  if (mode === undefined) throw new MillraceError('corrupt', `unknown erasure mode ${JSON.stringify(text)}`)
  return mode
}

/** Keys, ids and names hold no comma. */
function listOf(text: string): readonly string[] {
  return text === '' ? [] : text.split(',')
}

type Collected = NonNullable<ErasureRow['collected']>

function collectedOf(text: string): Collected {
  const value: unknown = JSON.parse(text)
  if (isCollected(value)) return value
  throw new MillraceError('corrupt', 'an erasure cannot be read')
}

/** This program wrote it; the seam is checked, not every leaf. */
function isCollected(value: unknown): value is Collected {
  return typeof value === 'object' && value !== null && 'profileIds' in value && 'upToBatch' in value && 'quarantined' in value && 'rows' in value
}

/** How a text stands in the JSON of a quarantined event, whose raw body is itself JSON mostly. */
export function quotedInQuarantine(text: string): string {
  return JSON.stringify(JSON.stringify(text)).slice(1, -1)
}

/** Shorter texts are found only in quotes: `1` is in everything. */
export const bareTextCharactersMin = 6

