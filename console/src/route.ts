export const viewNames = Object.freeze(['live', 'profiles', 'segments', 'reports', 'status'] as const)
export type ViewName = (typeof viewNames)[number]

export interface Route {
  readonly view: ViewName
  /** A profile's or segment's id; null for the view itself. */
  readonly id: string | null
}

export const viewTitles: Readonly<Record<ViewName, string>> = Object.freeze({
  live: 'Live events', profiles: 'Profiles', segments: 'Segments', reports: 'Reports', status: 'Status',
})

/** The view that a fragment such as `#/profiles/0190…` names; anything else is the live view. */
export function parseRoute(fragment: string): Route {
  const [, view = '', id = ''] = fragment.split('/')
  const name = viewNames.find((known) => known === view)
  return name === undefined ? { view: 'live', id: null } : { view: name, id: id === '' ? null : decoded(id) }
}

export function routeHref(view: ViewName, id?: string): string {
  return id === undefined ? `#/${view}` : `#/${view}/${encodeURIComponent(id)}`
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
