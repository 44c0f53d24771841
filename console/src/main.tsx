import './console.css'
import { render } from 'preact'
import { ConsoleApp } from './console-app.tsx'
import { takeSessionKey } from './session-key.ts'

const place = {
  storage: sessionStorage,
  fragment: location.hash,
  replaceFragment: (fragment: string): void => history.replaceState(null, '', fragment),
}
const key = takeSessionKey(place)
const root = document.getElementById('app')
if (root !== null) render(<ConsoleApp initialKey={key} storage={sessionStorage} />, root)
