import type { Frame } from './frame.ts'

/** Calls `changed` when the address changes without a page load, once the new page had the time to set its title. */
export function watchPages(frame: Frame, changed: () => void): void {
  const { history } = frame
  /** Less the fragment, which moves within a page. */
  const address = (): string | undefined => frame.document.URL.split('#')[0]
  let shown = address()
  const look = (): void => {
    if (address() === shown) return
    shown = address()
    // Applications set the title a moment later.
    setTimeout(changed)
  }
  for (const name of ['pushState', 'replaceState'] as const) {
    const original = history[name]
    history[name] = (...args) => {
      original.apply(history, args)
      look()
    }
  }
  frame.addEventListener('popstate', look)
}
