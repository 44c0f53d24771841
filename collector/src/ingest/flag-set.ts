import { type FlagCode, flagCodes } from '@millrace/schemas'

/** Flags as bits while an event is worked on: one number, nothing to allocate. */
export type FlagSet = number

export const noFlags: FlagSet = 0

export function flag(code: FlagCode): FlagSet {
  return 1 << flagCodes.indexOf(code)
}

const noCodes: readonly FlagCode[] = []

export function flagCodesOf(set: FlagSet): readonly FlagCode[] {
  return set === noFlags ? noCodes : flagCodes.filter((_, index) => (set & (1 << index)) !== 0)
}
