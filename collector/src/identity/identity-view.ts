import type { IdentityView } from '../query/identity-view.ts'
import { isoTime } from '../query/profile-card.ts'
import { identifierKey } from './identifier-key.ts'
import type { IdentitySettings } from './identity-settings.ts'
import { normaliseIdentifier } from './normalise.ts'
import { mergedProperties, mergedRegisters, parseRegisters } from './registers.ts'

/** The rules that events are decided by, as the read side asks them. */
export function identityView(settings: IdentitySettings): IdentityView {
  return {
    keyOf: ({ workspace, kind, text, namespace = '' }) => {
      const identifier = normaliseIdentifier(kind, text, settings)
      return identifier === null ? null : identifierKey(workspace, { ...identifier, namespace })
    },
    statementsOf: (registers) => Object.fromEntries([...mergedRegisters(registers.map(parseRegisters))]
      .map(([name, { value, time, receivedAt, messageId }]) => [name, { value, time: isoTime(time), receivedAt: isoTime(receivedAt), messageId }])),
    propertiesOf: (registers) => mergedProperties(registers.map(parseRegisters)),
  }
}
