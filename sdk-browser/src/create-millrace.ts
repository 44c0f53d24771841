import { type EventRecorder, eventRecorder, isBot } from './event-recorder.ts'
import { type Frame, pageFieldsOf } from './frame.ts'
import { freshId } from './fresh-id.ts'
import type { CallOptions, CallResult, EventMap, Millrace, MillraceOptions, RefusalReason } from './millrace.ts'
import { watchPages } from './watch-pages.ts'

declare const window: Frame | undefined

/** Stands in for a window on a server, where every call is refused before it asks for more. */
const serverFrame: Frame = Object({ navigator: {}, document: {}, location: {} })

/** A client for this page, usable at once; on a server one that takes nothing and says so. */
export function createMillrace<Events extends EventMap<Events> = Record<string, object>>(
  options: MillraceOptions, frame = typeof window === 'undefined' ? serverFrame : window,
): Millrace<Events> {
  const recorder = eventRecorder(options, frame, refusalOf(options, frame))
  const { identity, visit, sender, isGranted, call, methods } = recorder
  let traits = {}
  const setIds = (anonymousId: string, userId: string): void => {
    identity.anonymousId = anonymousId
    identity.userId = userId
    if (isGranted()) identity.retain()
  }
  const namedCall = (type: string, args: readonly unknown[]): CallResult => {
    const names = args.filter((arg) => typeof arg === 'string')
    const [properties, callOptions] = args.filter((arg) => typeof arg === 'object')
    return call({ type, name: names.pop(), category: names.pop(), properties: { ...pageFieldsOf(frame), ...properties } }, callOptions)
  }
  const millrace: Millrace<Events> = {
    ...methods,
    identify: (userId?: string | number | object | null, ownTraits?: object, callOptions?: CallOptions) => {
      const isId = typeof userId !== 'object'
      const told = isId ? ownTraits : userId ?? ownTraits
      if (isId && userId) setIds(identity.anonymousId, String(userId))
      Object.assign(traits, told)
      return call({ type: 'identify', traits: told }, callOptions)
    },
    track: (event, properties?: object, callOptions?: object) => call({ type: 'track', event, properties }, callOptions),
    page: (...args) => {
      sender.wake()
      return namedCall('page', args)
    },
    screen: (...args) => namedCall('screen', args),
    group: (groupId, groupTraits, callOptions) => call({ type: 'group', groupId: String(groupId), traits: groupTraits }, callOptions),
    alias: (userId, previousId = identity.anonymousId, callOptions) => call({ type: 'alias', userId, previousId }, callOptions),
    reset: () => {
      traits = {}
      // What waits for consent was the old person's, and would get the new one's id.
      recorder.dropPending()
      visit.forget()
      setIds(freshId(), '')
    },
    user: () => ({ id: () => identity.userId || null, anonymousId: () => identity.anonymousId || null, traits: () => traits }),
    setAnonymousId: (id) => setIds(id, identity.userId),
    ready: async () => {},
  }
  methods.consent(options.consent ?? 'granted')
  if (frame === serverFrame) return millrace
  listen(frame, recorder)
  if (options.pageViews) {
    millrace.page()
    watchPages(frame, () => millrace.page())
  }
  return millrace
}

/** Hears when the page may end, and when what is kept may have changed. */
function listen(frame: Frame, { identity, sender, plan, isGranted }: EventRecorder): void {
  const recall = (): boolean => isGranted() && identity.recall()
  const leave = (): void => {
    if (isGranted()) sender.leave()
  }
  const wake = (): void => {
    sender.wake()
    if (recall()) plan()
  }
  frame.addEventListener('pagehide', leave)
  frame.document.addEventListener('visibilitychange', () => frame.document.visibilityState === 'hidden' ? leave() : recall())
  // Another tab; another subdomain is noticed when this page is looked at again.
  frame.addEventListener('storage', recall)
  frame.addEventListener('pageshow', wake)
  frame.addEventListener('online', wake)
}

function refusalOf({ dropBots, respectPrivacySignals = true }: MillraceOptions, frame: Frame): RefusalReason | undefined {
  const { navigator } = frame
  if (frame === serverFrame) return 'disabled'
  if (respectPrivacySignals && (navigator.globalPrivacyControl || navigator.doNotTrack === '1')) return 'opted_out'
  return dropBots && isBot(frame) ? 'bot' : undefined
}
