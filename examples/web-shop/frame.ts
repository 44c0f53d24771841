import { cartLines } from './cart-lines.ts'
import { element, find } from './dom.ts'
import { millrace } from './millrace.ts'

const refreshMs = 1_000

/** What every page shows around its own content: the count of the cart, the account, and what Millrace knows. */
export function showFrame(): void {
  const count = cartLines().reduce((sum, { quantity }) => sum + quantity, 0)
  find('cart-count').textContent = count === 0 ? '' : `(${count})`
  const user = millrace.user().id()
  find('account').textContent = user === null ? 'Log in' : `Hello ${user}`
}

async function showAboutYou(): Promise<void> {
  const answer = await fetch('/shop/about-you')
  const { profile }: { profile: unknown } = answer.ok ? await answer.json() : { profile: null }
  const rows = profile === null ? [] : rowsOf(profile)
  find('about-you').replaceChildren(
    element('h2', {}, 'What Millrace knows about you'),
    rows.length === 0 ? element('p', {}, 'Nothing yet: click around.') : element('dl', {}, ...rows.flatMap(([term, value]) => [element('dt', {}, term), element('dd', {}, value)])),
  )
}

/** The profile card's parts as lines of text. */
function rowsOf(profile: unknown): readonly (readonly [string, string])[] {
  const part = (name: string): readonly (readonly [string, unknown])[] => Object.entries(Object(Reflect.get(Object(profile), name)))
  return [
    ['profile', String(Reflect.get(Object(profile), 'id'))],
    ...part('identifiers').flatMap(([kind, values]) => (Array.isArray(values) && values.length > 0 ? [[kind, values.join(', ')] as const] : [])),
    ...part('properties').map(([name, value]) => [name, String(value)] as const),
    ...part('metrics').map(([metric, told]) => [metric, `${String(Reflect.get(Object(told), 'count'))} times`] as const),
  ]
}

showFrame()
void showAboutYou()
setInterval(() => {
  if (document.visibilityState === 'visible') showAboutYou().catch(() => undefined)
}, refreshMs)
