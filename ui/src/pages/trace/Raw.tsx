import { useQuery } from '@tanstack/react-query'
import { useMemo, useState } from 'react'
import { apiUrl, open } from '../../api/get'
import { bytes } from '../../parts/format'
import { Answer, Panel } from '../../parts/State'
import { usePasted } from './pasted'
import type { SpanDetails } from './read'

/** Characters that are shown; a browser is slow with more, and nobody reads on. */
const most = 200_000

const formats = {
  otlp: { name: 'OTLP', url: (id: string) => apiUrl(`traces/${id}`) },
  zipkin: { name: 'Zipkin', url: (id: string) => `/api/v2/trace/${id}` },
}

export function Raw({ traceId, details }: { traceId: string; details: SpanDetails[] | null }) {
  const pasted = usePasted()
  return details ? <Text text={pasted ?? ''} name="as it was given" /> : <Stored traceId={traceId} />
}

function Stored({ traceId }: { traceId: string }) {
  const [format, setFormat] = useState<keyof typeof formats>('otlp')
  const url = formats[format].url(traceId)
  const query = useQuery({
    queryKey: ['text', url],
    queryFn: async ({ signal }) => (await open(url, signal)).text(),
  })
  return (
    <>
      <div className="tabs">
        {(Object.keys(formats) as (keyof typeof formats)[]).map(each => (
          <button key={each} type="button" aria-pressed={format === each} onClick={() => setFormat(each)}>
            {formats[each].name}
          </button>
        ))}
      </div>
      <Answer query={query}>{text => <Text text={text} name={formats[format].name} />}</Answer>
    </>
  )
}

function Text({ text, name }: { text: string; name: string }) {
  // numbers of 64 bits must stay as they are, so that only short texts are laid out anew
  const shown = useMemo(() => (text.length < most ? indented(text) : text.slice(0, most)), [text])
  const save = () => {
    const link = document.createElement('a')
    link.href = URL.createObjectURL(new Blob([text], { type: 'application/json' }))
    link.download = 'trace.json'
    link.click()
    URL.revokeObjectURL(link.href)
  }
  return (
    <Panel
      title={`JSON, ${name}`}
      note={shown.length < text.length ? `the first ${bytes(most)} of ${bytes(text.length)}` : bytes(text.length)}
      tools={
        <>
          <button type="button" onClick={() => void navigator.clipboard?.writeText(text)}>
            Copy
          </button>
          <button type="button" onClick={save}>
            Save
          </button>
        </>
      }
    >
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <pre className="raw" tabIndex={0}>
        {shown}
      </pre>
    </Panel>
  )
}

function indented(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2)
  } catch {
    return text
  }
}
