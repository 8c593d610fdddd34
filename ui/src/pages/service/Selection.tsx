import { useEffect, useRef } from 'react'
import { Link } from 'react-router'
import type { FacetsAnswer, SearchAnswer } from '../../api/types'
import { count, duration, instant, share } from '../../parts/format'
import { useLink, useRange } from '../../parts/range'
import { Answer, Panel } from '../../parts/State'
import { TraceList } from '../../parts/TraceList'
import { condition, withCondition } from '../../parts/traceql'
import { useApi } from '../../parts/useApi'
import { type Common, inCommon, queryOf, type Region } from './region'
import type { Subject } from './ServicePage'
import { useKinds } from './useKinds'

const keys = [
  'resource.host.name',
  'resource.service.instance.id',
  'resource.k8s.pod.name',
  'resource.service.version',
  'name',
  'status',
  'statusMessage',
]

interface Props {
  subject: Subject
  region: Region
  onClose: () => void
}

/** The spans in a box of the heat map: what they have in common, and the traces that they are of. */
export function Selection({ subject, region, onClose }: Props) {
  const { window } = useRange()
  const link = useLink()
  const panel = useRef<HTMLDivElement>(null)
  const kinds = useKinds(subject)
  const q = queryOf(subject, kinds ?? [], region)
  const all = queryOf(subject, kinds ?? [])
  const time = { start: region.start, end: region.end }
  const isKnown = kinds !== null
  const traces = useApi<SearchAnswer>('search', { q, ...time, order: 'slowest', limit: 12 }, isKnown)
  const facets = useFacets({ q, ...time, base: all, baseStart: window.start, baseEnd: window.end }, isKnown)
  useEffect(() => {
    // in braces, as it returns a promise, which an effect must not
    panel.current?.scrollIntoView({ block: 'nearest', behavior: 'smooth' })
  }, [])
  return (
    <div ref={panel} className="selection">
      <Panel
        title="The selected spans"
        note={`${instant(region.start)} – ${instant(region.end)}, ${duration(region.lower)} – ${duration(region.upper)}`}
        tools={
          <>
            <Link
              className="button"
              to={link('/search', {
                q,
                from: String(region.start),
                to: String(region.end),
                last: null,
                order: 'slowest',
              })}
            >
              All of them in the search
            </Link>
            <button type="button" className="icon" onClick={onClose} aria-label="Close">
              ×
            </button>
          </>
        }
      >
        <div className="columns">
          <div>
            <h3>What they have in common</h3>
            <Answer query={facets.usual}>
              {usual => (
                <CommonList
                  q={q}
                  time={time}
                  all={inCommon(
                    [...usual.facets, ...(facets.hosts.data?.facets ?? [])],
                    usual.spans,
                    usual.baseSpans ?? 0,
                  )}
                  spans={usual.spans}
                />
              )}
            </Answer>
          </div>
          <div>
            <h3>Traces of them, the slowest first</h3>
            <Answer
              query={traces}
              empty={data =>
                data.traces.length === 0 && 'These spans are counted, but their traces are not stored any more.'
              }
            >
              {data => <TraceList traces={data.traces} dense />}
            </Answer>
          </div>
        </div>
      </Panel>
    </div>
  )
}

/** The usual facets, and those that tell hosts apart, which need not be frequent enough to be among them. */
function useFacets(of: Record<string, string | number>, isKnown: boolean) {
  return {
    usual: useApi<FacetsAnswer>('facets', { ...of, limit: 20 }, isKnown),
    hosts: useApi<FacetsAnswer>('facets', { ...of, limit: 50, keys: keys.join(',') }, isKnown),
  }
}

function CommonList({
  all,
  q,
  spans,
  time,
}: {
  all: Common[]
  q: string
  spans: number
  time: { start: number; end: number }
}) {
  const link = useLink()
  const unique = all.filter(
    (each, i) => all.findIndex(other => other.key === each.key && other.value === each.value) === i,
  )
  if (unique.length === 0) {
    return <p className="state">{count(spans)} spans; nothing sets them apart from all spans of the service.</p>
  }
  return (
    <ul className="common">
      {unique.slice(0, 10).map(each => (
        <li key={`${each.key}=${each.value}`}>
          <Link
            to={link('/search', {
              q: withCondition(q, condition(each.key, each.value, each.type)),
              from: String(time.start),
              to: String(time.end),
              last: null,
            })}
          >
            <span className="key">{each.key}</span> <b>{each.value}</b>
          </Link>
          <span className="shares">
            <span className="meter" aria-hidden="true">
              <i style={{ width: `${each.share * 100}%` }} />
              <i className="all" style={{ width: `${each.shareOfAll * 100}%` }} />
            </span>
            <span>
              {share(each.share)} <span className="note">of these, {share(each.shareOfAll)} of all</span>
            </span>
          </span>
        </li>
      ))}
    </ul>
  )
}
