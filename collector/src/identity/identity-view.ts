import type { IdentityView } from '../query/identity-view.ts'
import { isoTime } from '../query/profile-card.ts'
import { explain } from './explain.ts'
import { identifierKey } from './identifier-key.ts'
import type { SettingsOf } from './identity-settings.ts'
import { normaliseIdentifier } from './normalise.ts'
import { applyTraits, emptyRegisters, mergedProperties, mergedRegisters, parseRegisters, type Registers } from './registers.ts'

/** The rules that events are decided by, as the read side asks them. */
export function identityView(settingsOf: SettingsOf): IdentityView {
  return {
    keyOf: ({ workspace, kind, text, namespace = '' }) => {
      const identifier = normaliseIdentifier(kind, text, settingsOf(workspace))
      return identifier === null ? null : identifierKey(workspace, { ...identifier, namespace })
    },
    statementsOf: (registers) => Object.fromEntries([...mergedRegisters(registers.map(parseRegisters))]
      .map(([name, { value, time, receivedAt, messageId }]) => [name, { value, time: isoTime(time), receivedAt: isoTime(receivedAt), messageId }])),
    propertiesOfTraits: (statements) => {
      const registers = new Map<string, Registers>()
      for (const { identifier, time, messageId, properties } of statements) {
        // Nothing here hangs on when it was received.
        registers.set(identifier, applyTraits(registers.get(identifier) ?? emptyRegisters(), properties, { time, messageId, receivedAt: time }))
      }
      return mergedProperties([...registers.values()])
    },
    explain: (around) => explain(around, settingsOf(around.a.workspace)),
    propertiesOf: (registers) => mergedProperties(registers.map(parseRegisters)),
  }
}
