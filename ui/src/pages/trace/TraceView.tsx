import { useMemo, useState } from 'react'
import { Link, useSearchParams } from 'react-router'
import { count, duration, instant, serviceName } from '../../parts/format'
import { Heading } from '../../parts/Heading'
import { useLink, useRange } from '../../parts/range'
import { Dot } from '../../parts/Service'
import { boundsOf, bySpan, criticalPath, criticalTimes, type Segment, selfTimes, shifted, skewOf } from './analyze'
import { Flame } from './Flame'
import type { Trace, TraceSpan } from './model'
import { Raw } from './Raw'
import type { SpanDetails } from './read'
import { Statistics } from './Statistics'
import { Waterfall } from './Waterfall'

export interface Analysis {
  spans: TraceSpan[]
  /** The earliest start, which is 0 while no clock is corrected, and the time from there to the latest end. */
  start: number
  length: number
  /** Nanoseconds by which a span was moved, as its host's clock is off. */
  shifts: Float64Array
  self: Float64Array
  critical: Float64Array
  /** The critical path, by span. */
  segments: Map<number, Segment[]>
}

interface Props {
  trace: Trace
  isComplete: boolean
  percentiles: Float32Array | null
  /** Of a trace that is not stored; null: the server has them. */
  details: SpanDetails[] | null
  /** Of a trace that is not stored: to view another. */
  onOther?: () => void
}

const tabs = { waterfall: 'Waterfall', flame: 'Flame graph', statistics: 'Statistics', raw: 'Raw JSON' }

export function TraceView({ trace, isComplete, percentiles, details, onOther }: Props) {
  const [parameters] = useSearchParams()
  const { change } = useRange()
  const [isCorrected, setCorrected] = useState(true)
  const tab = parameters.get('tab') ?? 'waterfall'
  const shifts = useMemo(() => skewOf(trace.spans), [trace])
  const analysis = useMemo<Analysis>(() => {
    const spans = isCorrected ? shifted(trace.spans, shifts) : trace.spans
    const path = criticalPath(spans)
    const { start, end } = boundsOf(spans)
    return {
      spans,
      start,
      length: isComplete ? end - start : trace.duration,
      shifts,
      self: selfTimes(spans),
      segments: bySpan(path),
      critical: criticalTimes(path, spans.length),
    }
  }, [trace, isComplete, shifts, isCorrected])
  const skewed = shifts.reduce((sum, shift) => sum + (shift === 0 ? 0 : 1), 0)

  return (
    <div className="page trace">
      <TraceHead trace={trace} length={analysis.length} isStored={details === null} />
      <div className="trace-tools">
        <div className="tabs" role="tablist" aria-label="Views of the trace">
          {Object.entries(tabs).map(([key, name]) => (
            <button
              key={key}
              type="button"
              role="tab"
              aria-selected={tab === key}
              onClick={() => change({ tab: key === 'waterfall' ? null : key }, true)}
            >
              {name}
            </button>
          ))}
        </div>
        {details === null && <CompareWith traceId={trace.id} />}
        {onOther && (
          <button type="button" onClick={onOther}>
            Another trace…
          </button>
        )}
        {skewed > 0 && (
          <label className="note">
            <input type="checkbox" checked={isCorrected} onChange={event => setCorrected(event.target.checked)} />{' '}
            clocks corrected ({count(skewed)} spans moved)
          </label>
        )}
        {!isComplete && (
          <span className="note" role="status">
            <span className="spinner" /> {count(trace.spans.length)} of {count(trace.total)} spans
          </span>
        )}
      </div>
      {tab === 'waterfall' && (
        <Waterfall trace={trace} analysis={analysis} percentiles={percentiles} details={details} />
      )}
      {tab === 'flame' && <Flame analysis={analysis} />}
      {tab === 'statistics' && <Statistics analysis={analysis} />}
      {tab === 'raw' && <Raw traceId={trace.id} details={details} />}
    </div>
  )
}

function TraceHead({ trace, length, isStored }: { trace: Trace; length: number; isStored: boolean }) {
  const root = trace.spans[0]
  const services = new Set(trace.spans.map(span => span.service))
  const errors = trace.spans.filter(span => span.isError).length
  const depth = trace.spans.reduce((most, span) => Math.max(most, span.depth), 0) + 1
  const orphans = trace.spans.filter(span => span.isOrphan).length
  return (
    <header>
      <Heading title={`${serviceName(root?.service)} ${root?.name ?? ''}, trace ${trace.id.slice(-8)}`}>
        {root && <Dot service={root.service} />}
        {serviceName(root?.service)} <span className="operation">{root?.name}</span>
      </Heading>
      <dl className="trace-facts">
        <Fact name="Duration" value={duration(length)} />
        <Fact name="Start" value={instant(Number(trace.startUnixNano) / 1e9)} />
        <Fact name="Spans" value={count(trace.total)} />
        <Fact name="Services" value={String(services.size)} />
        <Fact name="Depth" value={String(depth)} />
        {errors > 0 && <Fact name="Failed" value={`⚠ ${errors}`} isBad />}
        {orphans > 0 && <Fact name="Parents missing" value={String(orphans)} isBad />}
        <Fact name="Kept" value={keptText(trace, isStored)} />
        <Fact name="Id" value={trace.id} />
      </dl>
    </header>
  )
}

function keptText(trace: Trace, isStored: boolean): string {
  if (!isStored) return 'not stored'
  return trace.weight > 1 ? `${trace.kept}, stands for ${Math.round(trace.weight)}` : String(trace.kept)
}

function Fact({ name, value, isBad }: { name: string; value: string; isBad?: boolean }) {
  return (
    <div className={isBad ? 'error-text' : ''}>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  )
}

function CompareWith({ traceId }: { traceId: string }) {
  const link = useLink()
  return (
    <Link className="button" to={link('/compare', { a: traceId })}>
      Compare…
    </Link>
  )
}
