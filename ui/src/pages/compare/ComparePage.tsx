import { type FormEvent, type ReactNode, useMemo, useState } from 'react'
import { Link, useSearchParams } from 'react-router'
import type { SearchAnswer } from '../../api/types'
import { duration, serviceName } from '../../parts/format'
import { Heading } from '../../parts/Heading'
import { useLink, useRange } from '../../parts/range'
import { Dot } from '../../parts/Service'
import { Answer, Empty, Failure, Loading, Panel } from '../../parts/State'
import { type Column, Table } from '../../parts/Table'
import { TraceList } from '../../parts/TraceList'
import { quote } from '../../parts/traceql'
import { useApi } from '../../parts/useApi'
import type { Trace } from '../trace/model'
import { traceIdIn } from '../trace/read'
import { useTrace } from '../trace/useTrace'
import { align, type Difference, differenceOf, type Extent, extentOf, type Pair } from './align'

export function ComparePage() {
  const [parameters] = useSearchParams()
  const [a, b] = [parameters.get('a'), parameters.get('b')]
  return (
    <div className="page">
      <Heading title="Two traces compared" hidden />
      {a ? <WithFirst a={a} b={b} /> : <Empty>The address names no trace.</Empty>}
    </div>
  )
}

function WithFirst({ a, b }: { a: string; b: string | null }) {
  const first = useTrace(a)
  if (first.error) return <Failure error={first.error} />
  if (!first.trace || !first.isComplete) return <Loading what="Reading the trace" />
  return b ? <Both first={first.trace} b={b} /> : <Choose trace={first.trace} />
}

/** Others of the same operation, to choose the second from. */
function Choose({ trace }: { trace: Trace }) {
  const { window, change } = useRange()
  const root = trace.spans[0]
  const q = `{ resource.service.name = ${quote(root?.service ?? '')} && name = ${quote(root?.name ?? '')} }`
  const others = useApi<SearchAnswer>('search', { q, ...window, limit: 20 })
  // one scale for all, the first trace among them
  const longest = (data: SearchAnswer) => Math.max(trace.duration, ...data.traces.map(each => each.durationNanos))
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const id = traceIdIn(String(new FormData(event.currentTarget).get('id')))
    if (id) change({ b: id })
  }
  return (
    <Panel
      title="Compare with which trace?"
      note={`of ${serviceName(root?.service)} ${root?.name ?? ''}, ${duration(trace.duration)}`}
    >
      <form className="tabs" onSubmit={submit}>
        <input name="id" aria-label="Id of the other trace" placeholder="Id of a trace" size={36} />
        <button type="submit">Compare</button>
      </form>
      <Answer query={others} empty={data => data.traces.length < 2 && 'There is no other like it in this time.'}>
        {data => (
          <ul className="common choose">
            {data.traces
              .filter(each => each.traceId !== trace.id)
              .map(each => (
                <li key={each.traceId}>
                  <TraceList traces={[each]} scale={longest(data)} dense />
                  <button type="button" onClick={() => change({ b: each.traceId })}>
                    Compare
                  </button>
                </li>
              ))}
          </ul>
        )}
      </Answer>
    </Panel>
  )
}

/** Rows that are drawn at first. */
const mostRows = 500

const signs: Record<Difference, string> = { missing: '−', extra: '+', slower: '▲', faster: '▼', same: '' }

function Both({ first, b }: { first: Trace; b: string }) {
  const second = useTrace(b)
  const [onlyDifferent, setOnlyDifferent] = useState(false)
  const { change } = useRange()
  const other = second.isComplete ? second.trace : null
  const pairs = useMemo(() => (other ? align(first.spans, other.spans) : []), [first, other])
  if (second.error) return <Failure error={second.error} />
  if (!other) return <Loading what="Reading the other trace" />
  const counts = pairs.reduce<Partial<Record<Difference, number>>>((all, pair) => {
    const difference = differenceOf(pair)
    all[difference] = (all[difference] ?? 0) + 1
    return all
  }, {})
  const shown = onlyDifferent ? pairs.filter(pair => differenceOf(pair) !== 'same') : pairs
  const extent = extentOf(first.spans, other.spans)
  return (
    <Panel
      title="Comparison"
      note={`${counts.missing ?? 0} missing, ${counts.extra ?? 0} extra, ${counts.slower ?? 0} slower, ${counts.faster ?? 0} faster`}
      tools={
        <>
          <button type="button" aria-pressed={onlyDifferent} onClick={() => setOnlyDifferent(!onlyDifferent)}>
            Only differences
          </button>
          <button type="button" onClick={() => change({ a: other.id, b: first.id })}>
            Swap
          </button>
          <button type="button" onClick={() => change({ b: null })}>
            Another
          </button>
        </>
      }
    >
      <Table columns={columnsOf(extent, first, other)} rows={shown} most={mostRows} className="compare">
        {(pair, order) => (
          <PairRow
            key={`${pair.a?.index}|${pair.b?.index}`}
            pair={pair}
            extent={extent}
            // out of the order of the trace, depth says nothing
            depth={order ? 0 : pair.depth}
          />
        )}
      </Table>
      {shown.length === 0 && <p className="state">They do not differ.</p>}
    </Panel>
  )
}

/** Nanoseconds that the second took more; null where there is no second, or no first. */
const moreOf = ({ a, b }: Pair) => (a && b ? b.duration - a.duration : null)

function columnsOf(extent: Extent, a: Trace, b: Trace): Column<Pair>[] {
  const of = (name: string, trace: Trace): ReactNode => (
    <>
      {' '}
      <span className="hidden">Trace {name}</span>
      <TraceId trace={trace} />
    </>
  )
  const nameOf = ({ a, b }: Pair) => `${serviceName((a ?? b)?.service)} ${(a ?? b)?.name}`
  return [
    { name: 'Span', of: nameOf },
    { name: 'A', of: pair => pair.a?.duration, more: of('A', a) },
    { name: 'B', of: pair => pair.b?.duration, more: of('B', b) },
    { name: 'Difference', of: moreOf },
    {
      name: 'A above, B below',
      isText: true,
      className: 'bars',
      more: `, from 0 to ${duration(extent.end - extent.start)}`,
    },
  ]
}

function TraceId({ trace }: { trace: Trace }) {
  const link = useLink()
  return (
    <Link className="mono" to={link(`/traces/${trace.id}`)}>
      {trace.id.slice(-8)}
    </Link>
  )
}

function PairRow({ pair, extent, depth }: { pair: Pair; extent: Extent; depth: number }) {
  const difference = differenceOf(pair)
  const span = pair.a ?? pair.b
  if (!span) return null
  const nanos = moreOf(pair) ?? 0
  const length = extent.end - extent.start
  return (
    <tr className={difference}>
      <th scope="row" style={{ paddingLeft: 8 + Math.min(20, depth) * 12 }}>
        <span className="sign" aria-hidden="true">
          {signs[difference]}
        </span>
        <Dot service={span.service} />
        <b>{serviceName(span.service)}</b> <span className="operation">{span.name}</span>
      </th>
      <td>{pair.a ? duration(pair.a.duration) : '–'}</td>
      <td>{pair.b ? duration(pair.b.duration) : '–'}</td>
      <td>
        {difference === 'missing' || difference === 'extra'
          ? difference
          : difference === 'same'
            ? ''
            : `${nanos > 0 ? '+' : '−'}${duration(Math.abs(nanos))}`}
      </td>
      <td className="text bars">
        {[pair.a, pair.b].map((each, i) => (
          <span key={i === 0 ? 'a' : 'b'} className="track-line">
            {each && (
              <i
                className={i === 0 ? 'a' : 'b'}
                style={{
                  left: `${((each.start - extent.start) / length) * 100}%`,
                  width: `max(2px, ${(each.duration / length) * 100}%)`,
                }}
              />
            )}
          </span>
        ))}
      </td>
    </tr>
  )
}
