import type { FacetsAnswer } from '../../api/types'
import { count, duration, share, some } from '../../parts/format'
import { Key } from '../../parts/Key'
import { useRange } from '../../parts/range'
import { Dot } from '../../parts/Service'
import { Answer } from '../../parts/State'
import { condition, withCondition } from '../../parts/traceql'
import { useApi } from '../../parts/useApi'

interface Props {
  query: string
  onQuery: (query: string) => void
}

/** What the spans found have; a click narrows the search to it. */
export function Facets({ query, onQuery }: Props) {
  const { window } = useRange()
  const facets = useApi<FacetsAnswer>('facets', { q: query, ...window, limit: 8 })
  return (
    <aside className="facets panel" aria-label="What the spans have">
      <Answer query={facets} empty={data => data.spans === 0 && 'No spans.'}>
        {data => (
          <>
            <p className="note">
              {some(data.spans, 'span')} of {some(data.traces, 'trace')}, {share(data.errors / data.spans)} failed
              {data.durationNanos &&
                `; p50 ${duration(data.durationNanos.p50)}, p99 ${duration(data.durationNanos.p99)}`}
            </p>
            {data.facets.map(facet => (
              <section key={facet.key}>
                <h2>
                  <Key text={facet.key} />
                </h2>
                <ul>
                  {facet.values.map(value => (
                    <li key={value.value}>
                      <button
                        type="button"
                        title={`${facet.key} = ${value.value}`}
                        onClick={() => onQuery(withCondition(query, condition(facet.key, value.value, value.type)))}
                      >
                        <span className="value">
                          {facet.key === 'resource.service.name' && <Dot service={value.value} />}
                          {value.value || '(empty)'}
                        </span>
                        <span className="number">{count(value.count)}</span>
                        <i style={{ width: `${(value.count / data.spans) * 100}%` }} />
                      </button>
                    </li>
                  ))}
                </ul>
                {facet.distinctValues > facet.values.length && (
                  <p className="note">and {some(facet.distinctValues - facet.values.length, 'more value')}</p>
                )}
              </section>
            ))}
          </>
        )}
      </Answer>
    </aside>
  )
}
