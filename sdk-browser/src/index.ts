export { createMillrace } from './create-millrace.ts'
export type {
  CallOptions, CallResult, ConsentCategories, ConsentState, EventMap, IdentifyArguments, Millrace, MillraceOptions, NamedCallArguments, RefusalReason, Stats,
  TrackArguments,
} from './millrace.ts'
export type { DropReason } from './event-queue.ts'
