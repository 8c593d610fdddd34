import { type DragEvent, useMemo, useState } from 'react'
import { Failure, Panel } from '../../parts/State'
import { pasted, rememberPasted } from './pasted'
import { readSpans, traceOf } from './read'
import { TraceView } from './TraceView'

/** Shows a trace that is in no store: from a file, or pasted. Nothing leaves the browser. */
export default function ViewPage() {
  const [json, setJson] = useState(pasted)
  const read = useMemo(() => {
    if (!json) return null
    try {
      return traceOf(readSpans(json))
    } catch (e) {
      return e as Error
    }
  }, [json])
  const take = (text: string | null) => {
    rememberPasted(text)
    setJson(text)
  }
  const drop = async (event: DragEvent) => {
    event.preventDefault()
    const file = event.dataTransfer.files[0]
    if (file) take(await file.text())
  }
  if (read && !(read instanceof Error)) {
    return (
      <TraceView
        key={read.trace.id}
        trace={read.trace}
        isComplete
        percentiles={null}
        details={read.details}
        onOther={() => take(null)}
      />
    )
  }
  return (
    <div className="page">
      <Panel title="View a trace without storing it" note="it does not leave this browser">
        {read instanceof Error && <Failure error={read} />}
        {/* biome-ignore lint/a11y/noStaticElementInteractions: the input below does the same by keyboard */}
        <div className="drop" onDragOver={event => event.preventDefault()} onDrop={event => void drop(event)}>
          <p>Drop a file here, choose one, or paste: the JSON of Zipkin, OpenTelemetry (OTLP) or Jaeger.</p>
          <input
            type="file"
            accept=".json,application/json"
            aria-label="File of a trace"
            onChange={event => void event.target.files?.[0]?.text().then(take)}
          />
          <textarea
            aria-label="JSON of a trace"
            placeholder='[{"traceId": …'
            rows={8}
            onChange={event => event.target.value.trim() && take(event.target.value)}
          />
        </div>
      </Panel>
    </div>
  )
}
