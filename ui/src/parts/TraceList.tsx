import { Link } from 'react-router'
import type { FoundTrace } from '../api/types'
import { duration, instant, serviceName, some } from './format'
import { useLink } from './range'
import { Dot } from './Service'
import { useServiceColor } from './serviceColors'

const keptTexts: Record<string, string> = {
  error: 'kept: failed',
  slow: 'kept: slow',
  rare: 'kept: rare path',
  debug: 'kept: debug',
  exemplar: 'kept: example',
  baseline: 'sampled',
}

interface Props {
  traces: FoundTrace[]
  dense?: boolean
  /** Nanoseconds of the longest bar of the page, where there are bars beside those of the list. */
  scale?: number
}

/** Found traces; the bar is the duration against the longest, in the shares that services have of the spans. */
export function TraceList({ traces, dense, scale = 1 }: Props) {
  const longest = Math.max(scale, ...traces.map(trace => trace.durationNanos))
  return (
    <ol className={dense ? 'traces dense' : 'traces'}>
      {traces.map(trace => (
        <li key={trace.traceId}>
          <TraceLine trace={trace} longest={longest} />
        </li>
      ))}
    </ol>
  )
}

function TraceLine({ trace, longest }: { trace: FoundTrace; longest: number }) {
  const link = useLink()
  const colorOf = useServiceColor()
  const first = trace.spans[0]
  const service = trace.rootService ?? ''
  const services = trace.services.slice(0, 6)
  return (
    <Link data-row to={link(`/traces/${trace.traceId}`, first ? { span: first.spanId } : {})}>
      <span className="name">
        <Dot service={service} />
        <b>{serviceName(service)}</b> {trace.rootName}
      </span>
      <span className="when">{instant(Number(trace.startUnixNano) / 1e9)}</span>
      <span className="length">{trace.isDurationUnknown ? 'unknown' : duration(trace.durationNanos)}</span>
      <span className="bar" aria-hidden="true">
        <span style={{ width: `${Math.max(0.5, (trace.durationNanos / longest) * 100)}%` }}>
          {trace.services.map(each => (
            <i key={each.name} style={{ flexGrow: each.spans, background: colorOf(each.name) }} />
          ))}
        </span>
      </span>
      <span className="facts">
        {some(trace.spanCount, 'span')}
        {trace.isRootMissing && <span className="badge">root missing</span>}
        {trace.errorCount > 0 && <span className="badge error">⚠ {trace.errorCount} failed</span>}
        {keptTexts[trace.kept] && (
          <span className="badge" title={`It stands for ${trace.weight} traces.`}>
            {keptTexts[trace.kept]}
          </span>
        )}
        <span className="chips">
          {services.map(each => (
            <span key={each.name}>
              <Dot service={each.name} />
              {serviceName(each.name)} {each.spans}
            </span>
          ))}
          {trace.services.length > services.length && `and ${trace.services.length - services.length} more`}
        </span>
      </span>
    </Link>
  )
}
