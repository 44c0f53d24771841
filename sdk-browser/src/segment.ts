import { createMillrace, type Millrace, type MillraceOptions } from '@millrace/browser'

type Callback = () => void

/** A client whose calls take a callback as their last argument, as Segment's do; it is called when the event is queued. */
export type SegmentAnalytics = { readonly [Name in keyof Millrace]: (...args: readonly unknown[]) => ReturnType<Millrace[Name]> }

/** For code that was written against `@segment/analytics-next`: change the import and add the host. */
export const AnalyticsBrowser = Object.freeze({
  load(settings: MillraceOptions, options: Partial<MillraceOptions> = {}): SegmentAnalytics {
    const millrace = createMillrace({ ...settings, ...options })
    const wrapped: readonly (readonly unknown[])[] = Object.entries(millrace).map(([name, method]) => [name, (...args: readonly unknown[]) => {
      const callback = args.findLast(isCallback)
      const result: unknown = Reflect.apply(method, millrace, args.filter((arg) => !isCallback(arg)))
      if (callback !== undefined) setTimeout(callback)
      return result
    }])
    const analytics: SegmentAnalytics = Object.fromEntries(wrapped)
    return analytics
  },
})

function isCallback(value: unknown): value is Callback {
  return typeof value === 'function'
}
