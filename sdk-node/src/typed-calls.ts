import type { Properties, TrackCall } from '@millrace/schemas'

/** Events by name with their properties, where nobody said otherwise: any name, any properties. */
export type AnyEvents = Readonly<Record<string, Properties>>

/** A track call of one of these events. Properties may be left out only if none of them is required. */
export type TrackCallOf<Events extends object> = {
  readonly [Name in keyof Events & string]: Omit<TrackCall, 'event' | 'properties'> & { readonly event: Name } & PropertiesField<Events[Name]>
}[keyof Events & string]

type PropertiesField<Of> = Record<never, never> extends Of ? { readonly properties?: Of } : { readonly properties: Of }
