import type { Config } from './config.ts'
import { defaultIdentitySettings, type IdentitySettings } from './identity/identity-settings.ts'

/** The identity rules of this installation; edge and pump must use the same, or a retry could land in another partition. */
export function identitySettingsFor(config: Pick<Config, 'region'>): IdentitySettings {
  return Object.freeze({ ...defaultIdentitySettings, region: config.region === 'none' ? null : config.region })
}
