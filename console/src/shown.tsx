import type { ComponentChildren, JSX } from 'preact'
import { ApiError } from './api.ts'
import { shortened } from './format.ts'
import { routeHref } from './route.ts'
import type { Answer } from './use-answer.ts'

const jsonCharactersMax = 20_000

/** Any value of a property, always as text. */
export function Value({ value }: { readonly value: unknown }): JSX.Element {
  if (value === null || value === undefined) return <span class="muted">none</span>
  if (typeof value === 'object') return <JsonDetails value={value} />
  return <span>{typeof value === 'string' ? value : JSON.stringify(value)}</span>
}

/** An object or a list, closed until it is wanted. */
export function JsonDetails({ value, label }: { readonly value: unknown; readonly label?: string }): JSX.Element {
  const count = Array.isArray(value) ? value.length : Object.keys(Object(value)).length
  const text = JSON.stringify(value, null, 2)
  return (
    <details class="json">
      <summary>{label ?? `${count} ${Array.isArray(value) ? 'item' : 'field'}${count === 1 ? '' : 's'}`}</summary>
      <pre>{text.length > jsonCharactersMax ? `${text.slice(0, jsonCharactersMax)}\n… ${text.length - jsonCharactersMax} more characters` : text}</pre>
    </details>
  )
}

export function ProfileLink({ id }: { readonly id: string }): JSX.Element {
  return <a class="mono" href={routeHref('profiles', id)} title={id}>{shortened(id, 13)}</a>
}

/** The answer, or in its place that it is awaited or what went wrong, in plain words. */
export function Answered<T>({ answer, missing, children }: {
  readonly answer: Answer<T>
  /** Said where the collector knows no such thing. */
  readonly missing?: string
  readonly children: (value: T) => ComponentChildren
}): JSX.Element {
  if (answer.state === 'ready') return <>{children(answer.value)}</>
  if (answer.state === 'loading') return <p class="muted" role="status">Loading…</p>
  return <p class="notice" role="alert">{plainMessage(answer.error, missing)}</p>
}

export function plainMessage(error: unknown, missing?: string): string {
  if (error instanceof ApiError && error.status === 404 && missing !== undefined) return missing
  return error instanceof Error ? error.message : String(error)
}
