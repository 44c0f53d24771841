import type { Properties } from '@millrace/schemas'

interface Device {
  readonly screen?: { readonly width: number; readonly height: number }
  readonly devicePixelRatio?: number
  readonly navigator?: { readonly userAgentData?: object }
}

/** Time zone, screen and low-entropy user agent data of this device, for `millrace.setContext(deviceContext())`. */
export function deviceContext(device: Device = Object(globalThis)): Properties {
  const { screen, devicePixelRatio, navigator } = device
  const fields = {
    timezone: Intl.DateTimeFormat().resolvedOptions().timeZone,
    screen: screen && { width: screen.width, height: screen.height, density: devicePixelRatio },
    // Its own JSON form holds brands, platform and whether the device is mobile.
    userAgentData: navigator?.userAgentData,
  }
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}
