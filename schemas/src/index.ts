export type {
  AliasCall, BatchBody, CallFields, CanonicalEvent, EventType, GroupCall, IdentifyCall, JsonObject, JsonValue,
  PageCall, Properties, ScreenCall, TrackCall, WireEvent,
} from './events.ts'
export { eventTypes, metricOf } from './events.ts'
export { isEventType, judgeEvent } from './judge-event.ts'
export type { Limits } from './limits.ts'
export { limits } from './limits.ts'
export type {
  ErrorResponse, EventResult, FlagCode, IngestResponse, QuarantineReason, ResultCode,
} from './results.ts'
export { flagCodes, quarantineReasons, resultCodes } from './results.ts'
export { uuidV7 } from './uuid-v7.ts'
