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
export type { SegmentContext } from './definition-reader.ts'
export { dateYears, instantOfNumber, instantOfText } from './instant.ts'
export { parseSegmentDefinition } from './parse-segment.ts'
export type {
  FilterOperator, NumberOperator, ProfileMetric, ProfileProperty, PropertyFilter, Scalar, SegmentDefinition, SegmentFault, SegmentLeaf, SegmentRule,
  Timeframe, TimeframeType, WindowUnit,
} from './segment-definition.ts'
export {
  filterOperators, lengthOperators, listOperators, numberOperators, orderOperators, segmentLimits, segmentRules, textOperators, timeframeTypes, windowUnits,
} from './segment-definition.ts'
export type { SegmentTemplate, ShopMetrics } from './segment-templates.ts'
export { segmentTemplates, usualShop } from './segment-templates.ts'
export { uuidV7 } from './uuid-v7.ts'
