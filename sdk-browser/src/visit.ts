import { type Frame, keep, pageFieldsOf, type Shelf } from './frame.ts'
import { freshId } from './fresh-id.ts'

const name = 'millrace_visit'
const idleMsMax = 1_800_000
const sessionMsMax = 86_400_000
/** No session ends within a shorter one. */
const restMs = 1_000
/** A session's last moment is kept this exactly. */
const seenMsStep = 10_000
const valueCharactersMax = 500

/** What advertisers add to the addresses they send people to; `gclid`, `msclkid` and `irclickid` are all of one form. */
const campaignFields = /^(?:utm_(.+)|.+cl(?:ic)?k?id|[gw]braid|ScCid|li_fat_id|epik|_kx)$/

export interface Visit {
  /** Fields of a context. How the person came is told once in a session, and when it changes. */
  fields(now: number): { readonly sessionId?: string | undefined }
  forget(): void
}

interface Kept {
  /** Tells when it began. */
  sessionId?: string
  seenAt: number
  campaign?: object
  firstTouch?: object
}

/** The session of this browser, shared by its tabs, and how the person came: the first time ever, and the last time. */
export function keptVisit(frame: Frame, shelf: Shelf): Visit {
  let kept: Kept = { seenAt: 0 }
  let seenAt = 0
  /** Cheap for calls in a row. */
  const isOver = (now: number): boolean =>
    !(now - seenAt < restMs || (now - seenAt < idleMsMax && now - parseInt((kept.sessionId ?? '').replace('-', ''), 16) < sessionMsMax))
  return {
    fields: (now) => {
      let tells = false
      if (isOver(now)) {
        try {
          // Another tab may have gone on with the session.
          kept = { ...JSON.parse(shelf[name] ?? '{}') }
        } catch {
          // Not of our making.
        }
        seenAt = kept.seenAt
        const { url, search, referrer } = pageFieldsOf(frame)
        const campaign = campaignOf(search)
        kept.firstTouch ??= { ...campaign, url, referrer }
        const text = JSON.stringify(campaign)
        if (text !== '{}' && text !== JSON.stringify(kept.campaign)) {
          kept.campaign = campaign
          tells = true
        }
        if (isOver(now)) {
          kept.sessionId = freshId(now)
          tells = true
        }
      }
      seenAt = now
      if (tells || now - kept.seenAt > seenMsStep) {
        kept.seenAt = now
        keep(shelf, name, JSON.stringify(kept))
      }
      return tells ? { ...kept, seenAt: undefined } : { sessionId: kept.sessionId }
    },
    forget: () => {
      seenAt = 0
      delete shelf[name]
    },
  }
}

function campaignOf(search: string): object {
  const found: Record<string, string> = {}
  for (const [key, value] of new URLSearchParams(search)) {
    const [field, utm = field] = campaignFields.exec(key) ?? []
    if (utm) found[utm === 'campaign' ? 'name' : utm] = value.slice(0, valueCharactersMax)
  }
  return found
}
