export type { BrowserPage, KeptTexts, PostAnswer } from './browser-page.ts'
export {
  type BrowserMillrace, type CallOptions, type CallResult, createMillrace, type MillraceOptions, type RefusalReason,
} from './create-millrace.ts'
export type { DropReason, Stats } from './sender.ts'
