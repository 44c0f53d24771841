import { MillraceError } from '../../platform/errors.ts'

/** The name as it is where the port allows it; else fails with `bad_request`. */
export function checkedObjectName(name: string): string {
  const parts = name.split('/')
  if (name.length <= 1_024 && parts.every((part) => /^[a-zA-Z0-9._=-]+$/.test(part) && part !== '.' && part !== '..')) return name
  throw new MillraceError('bad_request', `${JSON.stringify(name)} is no object name: parts of a-z A-Z 0-9 . _ = - with / between`)
}
