import { field, listField, numberField, textField, textsField } from './field.ts'

export interface Segment {
  readonly id: string
  readonly name: string
  readonly version: number
  readonly definition: unknown
}

export function readSegments(body: unknown): readonly Segment[] {
  return listField(body, 'segments').map(readSegment)
}

function readSegment(value: unknown): Segment {
  return { id: textField(value, 'id'), name: textField(value, 'name'), version: numberField(value, 'version'), definition: field(value, 'definition') }
}

export interface Members {
  readonly name: string
  readonly version: number
  readonly count: number
  readonly at: string
  /** Events that are decided and not counted yet. */
  readonly behind: number
  readonly members: readonly string[]
  readonly next: string | null
}

export function readMembers(body: unknown): Members {
  const segment = field(body, 'segment')
  return {
    name: textField(segment, 'name'), version: numberField(segment, 'version'), count: numberField(body, 'count'), at: textField(body, 'at'),
    behind: numberField(body, 'behind'), members: textsField(body, 'members'), next: textField(body, 'next') || null,
  }
}

export interface Preview {
  readonly count: number
  readonly at: string
  readonly sample: readonly string[]
  /** Whether the profile that was asked about is in it, and what each condition found; null if none was. */
  readonly why: { readonly answer: boolean; readonly leaves: readonly Leaf[] } | null
}

export interface Leaf {
  readonly path: string
  readonly answer: boolean
  readonly value: unknown
  readonly needs: string
}

export function readPreview(body: unknown): Preview {
  const profile = field(body, 'profile')
  return {
    count: numberField(body, 'count'), at: textField(body, 'at'), sample: textsField(body, 'sample'),
    why: profile === undefined ? null : {
      answer: field(profile, 'answer') === true,
      leaves: listField(profile, 'leaves').map((leaf) => ({
        path: textField(leaf, 'path'), answer: field(leaf, 'answer') === true, value: field(leaf, 'value'), needs: textField(leaf, 'needs'),
      })),
    },
  }
}
