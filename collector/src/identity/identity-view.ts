import type { IdentityView } from '../query/identity-view.ts'
import { identifierKey } from './identifier-key.ts'
import type { IdentitySettings } from './identity-settings.ts'
import { normaliseIdentifier } from './normalise.ts'
import { mergedProperties, parseRegisters } from './registers.ts'

/** The rules that events are decided by, as the read side asks them. */
export function identityView(settings: IdentitySettings): IdentityView {
  return {
    keyOf: ({ workspace, kind, text }) => {
      const identifier = normaliseIdentifier(kind, text, settings)
      return identifier === null ? null : identifierKey(workspace, identifier)
    },
    propertiesOf: (registers) => mergedProperties(registers.map(parseRegisters)),
  }
}
