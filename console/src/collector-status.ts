import { entriesField, field, listField, numberField } from './field.ts'

export interface PartitionLag {
  readonly partition: number
  readonly decide: number
  readonly archive: number
  readonly load: number
}

export interface CollectorStatus {
  readonly atRest: boolean
  readonly agree: boolean
  readonly accepted: number
  readonly stored: number
  readonly archived: number
  readonly loaded: number
  readonly dropped: readonly (readonly [string, number])[]
  readonly partitions: readonly PartitionLag[]
  readonly spoolBytes: number
}

export function readCollectorStatus(body: unknown): CollectorStatus {
  const totals = field(body, 'totals')
  return {
    atRest: field(body, 'atRest') === true, agree: field(body, 'agree') === true,
    accepted: numberField(totals, 'accepted'), stored: numberField(totals, 'stored'), archived: numberField(totals, 'archived'), loaded: numberField(totals, 'loaded'),
    dropped: entriesField(totals, 'dropped').map(([reason, count]) => [reason, Number(count)] as const),
    partitions: listField(body, 'partitions').map((row) => {
      const lag = field(row, 'lag')
      return { partition: numberField(row, 'partition'), decide: numberField(lag, 'decide'), archive: numberField(lag, 'archive'), load: numberField(lag, 'load') }
    }),
    spoolBytes: numberField(field(body, 'spool'), 'bytes'),
  }
}

/** The state of the reconciliation in one sentence. */
export function verdict({ atRest, agree, accepted, loaded }: CollectorStatus): { readonly text: string; readonly tone: 'good' | 'bad' | 'busy' } {
  if (!agree) return { tone: 'bad', text: 'The tiers disagree. millrace status and the log say more.' }
  if (atRest) return { tone: 'good', text: 'Every event is accounted for, once, in all three tiers.' }
  return { tone: 'busy', text: `On the way: ${Math.max(0, accepted - loaded)} events are not yet everywhere.` }
}
