import { segmentTemplates } from '@millrace/schemas'
import type { JSX } from 'preact'
import { useRef, useState } from 'preact/hooks'
import type { Api } from './api.ts'
import { formatCount, formatInstant } from './format.ts'
import { type Preview, readPreview } from './segment.ts'
import { plainMessage, ProfileLink, Value } from './shown.tsx'

export interface SegmentTrialProps {
  readonly api: Api
  readonly saved: () => void
}

const templates = segmentTemplates()

/** A definition tried before it is saved: how many are in it, some of them, and why one profile is or is not. */
export function SegmentTrial({ api, saved }: SegmentTrialProps): JSX.Element {
  const name = useRef<HTMLInputElement>(null)
  const definition = useRef<HTMLTextAreaElement>(null)
  const profile = useRef<HTMLInputElement>(null)
  const [preview, setPreview] = useState<Preview | null>(null)
  const [said, setSaid] = useState({ text: '', isProblem: false })
  const begin = (key: string): void => {
    const template = templates.find((known) => known.key === key)
    if (definition.current !== null) definition.current.value = JSON.stringify(template?.definition, null, 2)
    if (name.current !== null) name.current.value = template?.name ?? ''
  }
  const run = async (what: 'count' | 'save'): Promise<void> => {
    setSaid({ text: '', isProblem: false })
    try {
      const asked: unknown = JSON.parse(definition.current?.value ?? '')
      const profileId = profile.current?.value.trim() ?? ''
      if (what === 'count') setPreview(readPreview(await api.post('/v1/segments/preview', { definition: asked, ...(profileId === '' ? {} : { profileId }) })))
      else {
        await api.post('/v1/segments', { name: name.current?.value.trim() ?? '', definition: asked })
        saved()
        setSaid({ text: 'Saved.', isProblem: false })
      }
    } catch (error) {
      setPreview(null)
      setSaid({ text: error instanceof SyntaxError ? `The definition is no JSON: ${error.message}` : plainMessage(error, 'There is no profile with this id.'), isProblem: true })
    }
  }
  return (
    <section class="card" aria-labelledby="trial">
      <h2 id="trial">Try a definition</h2>
      <form class="stack" method="post" onSubmit={(event) => {
        event.preventDefault()
        void run('count')
      }}>
        <div class="controls">
          <label>Begin with <select onChange={(event) => begin(event.currentTarget.value)}>
            {templates.map((template) => <option key={template.key} value={template.key}>{template.name}: {template.about}</option>)}
          </select></label>
        </div>
        <label for="definition">Definition</label>
        <textarea id="definition" ref={definition} rows={10} spellcheck={false} class="mono" defaultValue={JSON.stringify(templates[0]?.definition, null, 2)} />
        <div class="controls">
          <label class="grow">Why is this profile in it? <input ref={profile} type="text" autocomplete="off" placeholder="profile id, optional" /></label>
          <button type="submit" class="main">Count</button>
          <label class="grow">Name <input ref={name} type="text" autocomplete="off" maxLength={200} defaultValue={templates[0]?.name} /></label>
          <button type="button" onClick={() => void run('save')}>Save</button>
        </div>
        <p role="status" class={said.isProblem ? 'problem' : 'done'}>{said.text}</p>
      </form>
      {preview !== null && <PreviewDetails preview={preview} />}
    </section>
  )
}

function PreviewDetails({ preview: { count, at, sample, why } }: { readonly preview: Preview }): JSX.Element {
  return (
    <div role="status">
      <p><strong class="big">{formatCount(count)}</strong> profiles at {formatInstant(at)}</p>
      <ul class="plain members">{sample.map((id) => <li key={id}><ProfileLink id={id} /></li>)}</ul>
      {why !== null && (
        <table>
          <caption>{why.answer ? 'This profile is in it.' : 'This profile is not in it.'}</caption>
          <thead><tr><th scope="col">Condition</th><th scope="col">Needs</th><th scope="col">Found</th><th scope="col">Holds</th></tr></thead>
          <tbody>{why.leaves.map(({ path, answer, value, needs }) => (
            <tr key={path}><th scope="row" class="mono">{path}</th><td>{needs}</td><td><Value value={value} /></td><td><span class={`badge ${answer ? 'stored' : 'dropped'}`}>{answer ? 'yes' : 'no'}</span></td></tr>
          ))}</tbody>
        </table>
      )}
    </div>
  )
}
