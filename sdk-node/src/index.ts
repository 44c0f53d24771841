export type {
  AliasCall, CallFields, EventType, GroupCall, IdentifyCall, PageCall, Properties, ScreenCall, TrackCall,
} from '@millrace/schemas'
export type { OutcomeCallback } from './encode-event.ts'
export { type CallResult, type CloseResult, Millrace } from './millrace.ts'
export type { DroppedEvent, MillraceOptions } from './options.ts'
export { type DropReason, dropReasons, type RefusalReason, refusalReasons } from './outcomes.ts'
export type { RequestContext } from './request-context.ts'
export type { Stats } from './tally.ts'
export type { AnyEvents, TrackCallOf } from './typed-calls.ts'
export { type WaitUntil, waitUntilFlushed } from './wait-until-flushed.ts'
