import { useQuery } from '@tanstack/react-query'
import { Link } from 'react-router'
import { apiUrl, get } from '../../api/get'
import { duration, instant, serviceName, share, some } from '../../parts/format'
import { useLink } from '../../parts/range'
import { Dot } from '../../parts/Service'
import { Answer } from '../../parts/State'
import { attribute, quote } from '../../parts/traceql'
import { AttributeTable } from './AttributeTable'
import { LogsLink } from './LogsLink'
import { kindNames, type Trace, type TraceSpan } from './model'
import type { SpanDetails } from './read'
import { readOtlp } from './readOtlp'
import type { Analysis } from './TraceView'

interface Props {
  trace: Trace
  span: TraceSpan
  analysis: Analysis
  percentile: number
  known: SpanDetails | null
  isStored: boolean
  onFocus: () => void
  onClose: () => void
}

/** Everything about one span; what the outline does not have is read when it is opened. */
export function Details(props: Props) {
  const { trace, span, isStored } = props
  // with one below: two halves of an exchange may share an id
  const url = apiUrl(`traces/${trace.id}`, { root: span.id, depth: 1, limit: 2 })
  const stored = useQuery({
    queryKey: [url, span.kind],
    queryFn: async ({ signal }) =>
      readOtlp(await get<unknown>(url, signal))?.find(each => each.id === span.id && each.kind === span.kind) ?? null,
    enabled: isStored,
  })
  return (
    <aside className="details panel" aria-label="The selected span">
      <header>
        <h2>
          <Dot service={span.service} />
          {serviceName(span.service)}
        </h2>
        <button type="button" className="icon" onClick={props.onClose} aria-label="Close">
          ×
        </button>
      </header>
      <p className="operation">{span.name}</p>
      <Facts {...props} />
      <div className="quick">
        {span.end > span.index + 1 && (
          <button type="button" onClick={props.onFocus}>
            Only this and below
          </button>
        )}
        <OperationLinks span={span} isStored={isStored} />
        <LogsLink trace={trace} span={span} />
      </div>
      {props.known ? (
        <Content details={props.known} trace={trace} />
      ) : (
        <Answer query={stored} empty={data => data === null && 'The span is not stored any more.'}>
          {data => data && <Content details={data} trace={trace} />}
        </Answer>
      )}
    </aside>
  )
}

function Facts({ span, analysis, percentile }: Props) {
  const shift = analysis.shifts[span.index] as number
  const critical = analysis.critical[span.index] as number
  const self = analysis.self[span.index] as number
  return (
    <dl className="span-facts">
      <dt>Duration</dt>
      <dd>
        {duration(span.duration)}
        {!Number.isNaN(percentile) && (
          <span className={percentile >= 95 ? 'badge worse' : 'badge'}>
            slower than {Math.min(99, Math.round(percentile))} % of its operation
          </span>
        )}
      </dd>
      <dt>Starts after</dt>
      <dd>{duration(span.start - analysis.start)}</dd>
      <dt>Self time</dt>
      <dd>
        {duration(self)} <span className="note">{share(span.duration > 0 ? self / span.duration : null)}</span>
      </dd>
      <dt>On the critical path</dt>
      <dd>
        {duration(critical)}{' '}
        <span className="note">{share(analysis.length > 0 ? critical / analysis.length : null)} of the trace</span>
      </dd>
      {shift !== 0 && (
        <>
          <dt>Clock</dt>
          <dd>
            {duration(Math.abs(shift))} {shift > 0 ? 'behind' : 'ahead of'} its caller's
          </dd>
        </>
      )}
      <dt>Kind</dt>
      <dd>{kindNames[span.kind] ?? span.kind}</dd>
      {span.host && (
        <>
          <dt>Host</dt>
          <dd>{span.host}</dd>
        </>
      )}
      <dt>Below it</dt>
      <dd>{some(span.end - span.index - 1, 'span')}</dd>
      <dt>Id</dt>
      <dd className="mono">{span.id}</dd>
      {span.isOrphan && (
        <>
          <dt>Parent</dt>
          <dd className="error-text">missing: it was not reported, or not yet</dd>
        </>
      )}
    </dl>
  )
}

function OperationLinks({ span, isStored }: { span: TraceSpan; isStored: boolean }) {
  const link = useLink()
  if (!isStored) return null
  const q = `{ resource.service.name = ${quote(span.service)} && name = ${quote(span.name)} }`
  return (
    <>
      <Link className="button" to={link('/service', { service: span.service, operation: span.name })}>
        Its operation
      </Link>
      <Link className="button" to={link('/search', { q })}>
        Others like it
      </Link>
    </>
  )
}

function Content({ details, trace }: { details: SpanDetails; trace: Trace }) {
  const link = useLink()
  return (
    <>
      {details.isError && (
        <p className="state failure">⚠ Failed{details.statusMessage && `: ${details.statusMessage}`}</p>
      )}
      <AttributeTable name="Attributes" attributes={details.attributes} keyOf={key => attribute('span', key)} />
      {details.events.length > 0 && (
        <section>
          <h3>Events ({details.events.length})</h3>
          {details.events.map(event => (
            <details key={`${event.time}${event.name}${event.attributes.length}`} open={details.events.length < 4}>
              <summary>
                <span className="mono">{duration(Number(event.time - BigInt(trace.startUnixNano)))}</span> {event.name}
              </summary>
              <AttributeTable name="" attributes={event.attributes} keyOf={null} />
            </details>
          ))}
        </section>
      )}
      {details.links.length > 0 && (
        <section>
          <h3>Links</h3>
          <ul>
            {details.links.map(each => (
              <li key={each.traceId + each.spanId}>
                <Link className="mono" to={link(`/traces/${each.traceId}`, { span: each.spanId })}>
                  {each.traceId}
                </Link>
              </li>
            ))}
          </ul>
        </section>
      )}
      <AttributeTable name="Resource" attributes={details.resource} keyOf={key => attribute('resource', key)} />
      <p className="note">Started {instant(Number(details.start) / 1e9)}</p>
    </>
  )
}
