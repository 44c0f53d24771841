import { quarantineReasons, type QuarantineReason } from '@millrace/schemas'
import { MillraceError } from '../platform/errors.ts'

/** What became of one event: the profile and identifier it belongs to, or why it was dropped; of a control nothing. */
export type Decision =
  | { readonly profileId: string; readonly identifierKey: string }
  | 'duplicate'
  | 'control'
  | { readonly dropped: QuarantineReason }

/**
 * Packs the decisions of a batch into text: the distinct (identifier, profile) pairs, then runs of
 * `<what>*<times>` where what is a pair's number in base 36, `.` (duplicate), `~` (control) or `!<reason>` (quarantined).
 */
export function packDecisions(decisions: readonly Decision[]): string {
  const numbers = new Map<string, number>()
  // Events of one person share a decision: then its text is made once.
  const codes = new Map<Decision, string>()
  const runs: string[] = []
  let last = ''
  let times = 0
  for (const decision of decisions) {
    let code = codes.get(decision)
    if (code === undefined) {
      code = codeOf(decision, numbers)
      codes.set(decision, code)
    }
    if (code === last) {
      times += 1
      continue
    }
    if (times > 0) runs.push(times === 1 ? last : `${last}*${times.toString(36)}`)
    last = code
    times = 1
  }
  if (times > 0) runs.push(times === 1 ? last : `${last}*${times.toString(36)}`)
  return `${[...numbers.keys()].join(',')};${runs.join(',')}`
}

function codeOf(decision: Decision, numbers: Map<string, number>): string {
  if (decision === 'duplicate') return '.'
  if (decision === 'control') return '~'
  if ('dropped' in decision) return `!${decision.dropped}`
  const pair = `${decision.identifierKey}/${decision.profileId}`
  let number = numbers.get(pair)
  if (number === undefined) {
    number = numbers.size
    numbers.set(pair, number)
  }
  return number.toString(36)
}

export function unpackDecisions(text: string): readonly Decision[] {
  const [pairText = '', runText = ''] = text.split(';')
  const pairs = pairText === '' ? [] : pairText.split(',').map((pair) => {
    const [identifierKey, profileId] = pair.split('/')
    if (identifierKey === undefined || profileId === undefined) throw new MillraceError('corrupt', 'a batch row holds unreadable decisions')
    return { identifierKey, profileId }
  })
  const decisions: Decision[] = []
  for (const run of runText === '' ? [] : runText.split(',')) {
    const [code = '', times = '1'] = run.split('*')
    const decision = readCode(code, pairs)
    if (decision === undefined) throw new MillraceError('corrupt', 'a batch row names an unknown decision')
    for (let count = Number.parseInt(times, 36); count > 0; count -= 1) decisions.push(decision)
  }
  return decisions
}

function readCode(code: string, pairs: readonly Decision[]): Decision | undefined {
  if (code === '.') return 'duplicate'
  if (code === '~') return 'control'
  if (!code.startsWith('!')) return pairs[Number.parseInt(code, 36)]
  const dropped = quarantineReasons.find((reason) => reason === code.slice(1))
  return dropped === undefined ? undefined : { dropped }
}
