import { useMemo } from 'react'
import { Heading } from '../../parts/Heading'
import { Failure, Panel } from '../../parts/State'
import { MoreColors } from '../../parts/serviceColors'
import { rememberPasted, usePasted } from './pasted'
import { readSpans, traceOf } from './read'
import { TraceView } from './TraceView'

/** Shows a trace that is in no store: from a file, or pasted. Nothing leaves the browser. */
export function ViewPage() {
  const json = usePasted()
  const read = useMemo(() => {
    if (!json) return null
    try {
      return traceOf(readSpans(json))
    } catch (e) {
      return e as Error
    }
  }, [json])
  const services = useMemo(
    () => (read && !(read instanceof Error) ? [...new Set(read.trace.spans.map(span => span.service))] : []),
    [read],
  )
  if (read && !(read instanceof Error)) {
    return (
      <MoreColors services={services}>
        <TraceView
          key={read.trace.id}
          trace={read.trace}
          isComplete
          percentiles={null}
          details={read.details}
          onOther={() => rememberPasted(null)}
        />
      </MoreColors>
    )
  }
  return (
    <div className="page">
      <Heading title="View a trace" hidden />
      <Panel title="View a trace without storing it" note="it does not leave this browser">
        {read instanceof Error && <Failure error={read} />}
        <div className="drop">
          <p>Drop a file anywhere, choose one, or paste: the JSON of Zipkin, OpenTelemetry (OTLP) or Jaeger.</p>
          <input
            type="file"
            accept=".json,application/json"
            aria-label="File of a trace"
            onChange={event => void event.target.files?.[0]?.text().then(rememberPasted)}
          />
          <textarea
            aria-label="JSON of a trace"
            placeholder='[{"traceId": …'
            rows={8}
            onChange={event => event.target.value.trim() && rememberPasted(event.target.value)}
          />
        </div>
      </Panel>
    </div>
  )
}
