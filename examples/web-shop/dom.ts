/** An element with children; texts are texts, never markup. */
export function element(name: string, attributes: Readonly<Record<string, string>> = {}, ...children: readonly (Node | string)[]): HTMLElement {
  const made = document.createElement(name)
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value)
  made.append(...children)
  return made
}

export function button(label: string, clicked: () => void): HTMLElement {
  const made = element('button', { type: 'button' }, label)
  made.addEventListener('click', clicked)
  return made
}

/** The element of the page with that id. */
export function find(id: string): HTMLElement {
  const found = document.getElementById(id)
  if (found === null) throw new Error(`the page has no ${id}`)
  return found
}

/** What stands in the fields of a form, by name. */
function fieldsOf(form: HTMLElement): Readonly<Record<string, string>> {
  if (!(form instanceof HTMLFormElement)) return {}
  return Object.fromEntries([...new FormData(form)].map(([name, value]) => [name, typeof value === 'string' ? value.trim() : '']))
}

/** Calls back with the fields of a form, whose button works from now on: nothing is ever sent as the address of a page. */
export function whenSubmitted(form: HTMLElement, submitted: (fields: Readonly<Record<string, string>>) => void): void {
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    submitted(fieldsOf(form))
  })
  form.querySelector('button')?.removeAttribute('disabled')
}

export function pounds(amount: number): string {
  return `£${amount.toFixed(2)}`
}
