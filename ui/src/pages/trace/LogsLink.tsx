import { type FormEvent, useRef, useState } from 'react'
import { fillTemplate } from './logs'
import type { Trace, TraceSpan } from './model'

const key = 'tracing.logs'

/** A link into wherever this person's logs are. The template is kept in the browser. */
export function LogsLink({ trace, span }: { trace: Trace; span: TraceSpan }) {
  const [template, setTemplate] = useState(() => localStorage.getItem(key) ?? '')
  const [problem, setProblem] = useState<string | null>(null)
  const dialog = useRef<HTMLDialogElement>(null)
  const url = fillTemplate(template, trace, span)
  const open = () => {
    setProblem(null)
    dialog.current?.showModal()
  }
  const save = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const text = String(new FormData(event.currentTarget).get('template')).trim()
    if (text !== '' && fillTemplate(text, trace, span) === null) {
      setProblem('Not an address: it must start with http:// or https://')
      return
    }
    localStorage.setItem(key, text)
    setTemplate(text)
    dialog.current?.close()
  }
  return (
    <>
      {url && (
        <a className="button" href={url} target="_blank" rel="noreferrer">
          Logs ↗
        </a>
      )}
      {url ? (
        <button type="button" className="icon" onClick={open} aria-label="Change where logs are">
          ✎
        </button>
      ) : (
        <button type="button" onClick={open}>
          Link logs…
        </button>
      )}
      <dialog ref={dialog} aria-labelledby="logs-title">
        <form className="fields" onSubmit={save} key={template}>
          <h2 id="logs-title">Where the logs are</h2>
          <label>
            Address
            <input
              name="template"
              defaultValue={template}
              placeholder="https://logs.example/search?trace={traceId}&from={start}&to={end}"
              spellCheck={false}
              aria-describedby="logs-help"
            />
          </label>
          <p className="note" id="logs-help">
            {
              '{traceId}, {spanId}, {service}, {host}, {start} and {end} are filled in; the last two in milliseconds since '
            }
            1970. Empty for no link. It is kept in this browser.
          </p>
          {problem && (
            <p className="error-text" role="alert">
              {problem}
            </p>
          )}
          <div className="tools">
            <button type="button" onClick={() => dialog.current?.close()}>
              Cancel
            </button>
            <button type="submit" className="primary">
              Save
            </button>
          </div>
        </form>
      </dialog>
    </>
  )
}
