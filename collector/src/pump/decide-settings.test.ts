import { describe, expect, it } from 'vitest'
import { defaultIdentitySettings } from '../identity/identity-settings.ts'
import { defaultDocument, parseDocument } from '../identity/settings-document.ts'
import { type SettingsWish, versionsOf, walksOf } from './decide-settings.ts'

function wish(messageId: string, basedOn: number, { workspace = 1, ...identity }: { workspace?: number; fanOutMax?: number; region?: string } = { fanOutMax: basedOn + 2 }): SettingsWish {
  return { workspace, receivedAt: 9, control: { messageId, control: 'settings', basedOn, document: { ...parseDocument({ identity }, defaultDocument()) } } }
}

describe('decided settings', () => {
  it('are versions without a gap, each made from the one before; a wish that came too late makes none', () => {
    const made = versionsOf([wish('a', 0), wish('b', 0), wish('c', 1), wish('d', 0, { workspace: 2 })], [])
    expect(made.map(({ workspace, version, messageId }) => `${workspace}/${version} ${messageId}`)).toEqual(['1/1 a', '1/2 c', '2/1 d'])
    expect(versionsOf([wish('e', 1), wish('f', 2)], made.slice(0, 2)).map(({ version, messageId }) => [version, messageId])).toEqual([[3, 'f']])
  })

  it('begin a walk of the partition that decided them, but not where the same people come out', () => {
    const walks = (...wishes: readonly SettingsWish[]): unknown => walksOf(versionsOf(wishes, []), [], { partition: 3, defaults: defaultIdentitySettings })
    expect(walks(wish('a', 0), wish('b', 1, { fanOutMax: 9 }))).toEqual([{ workspace: 1, partition: 3, version: 2, after: null, done: false }])
    expect(walks(wish('a', 0), wish('b', 1, { fanOutMax: 2, region: 'DE' }))).toEqual([{ workspace: 1, partition: 3, version: 1, after: null, done: false }])
    expect(walks(wish('a', 0, { region: 'DE' }))).toEqual([])
  })
})
