import { find, whenSubmitted } from './dom.ts'
import { showFrame } from './frame.ts'
import { millrace } from './millrace.ts'

const form = find('login')
const logout = find('logout')

function show(): void {
  const isKnown = millrace.user().id() !== null
  form.hidden = isKnown
  logout.hidden = !isKnown
  showFrame()
}

whenSubmitted(form, ({ customer = '', email = '' }) => {
  // From here on this browser's visits and the customer are one person.
  millrace.identify(customer, { email })
  show()
})

logout.addEventListener('click', () => {
  // Whoever sits here next is somebody else.
  millrace.reset()
  show()
})

show()
