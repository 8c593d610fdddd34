import { useState } from 'react'
import { fillTemplate } from './logs'
import type { Trace, TraceSpan } from './model'

const key = 'tracing.logs'

/** A link into wherever this person's logs are. The template is kept in the browser. */
export function LogsLink({ trace, span }: { trace: Trace; span: TraceSpan }) {
  const [template, setTemplate] = useState(() => localStorage.getItem(key) ?? '')
  const change = () => {
    const text = prompt(
      'Address of the logs, with {traceId}, {spanId}, {service}, {host}, {start} and {end} (milliseconds since 1970)',
      template || 'https://logs.example/search?trace={traceId}&from={start}&to={end}',
    )
    if (text === null) return
    localStorage.setItem(key, text)
    setTemplate(text)
  }
  const url = fillTemplate(template, trace, span)
  return url ? (
    <>
      <a className="button" href={url} target="_blank" rel="noreferrer">
        Logs ↗
      </a>
      <button type="button" className="icon" onClick={change} aria-label="Change where logs are">
        ✎
      </button>
    </>
  ) : (
    <button type="button" onClick={change}>
      Link logs…
    </button>
  )
}
