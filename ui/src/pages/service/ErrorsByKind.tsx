import { Link } from 'react-router'
import type { FacetsAnswer } from '../../api/types'
import { count, share } from '../../parts/format'
import { useLink, useRange } from '../../parts/range'
import { Answer, Panel } from '../../parts/State'
import { condition, withCondition } from '../../parts/traceql'
import { useApi } from '../../parts/useApi'
import { queryOf } from './region'
import type { Subject } from './ServicePage'

const keys =
  'statusMessage,span.error.type,span.exception.type,span.http.response.status_code,span.rpc.grpc.status_code,span.error'

export function ErrorsByKind({ subject }: { subject: Subject }) {
  const { window } = useRange()
  const link = useLink()
  const q = withCondition(queryOf(subject, []), 'status = error')
  const facets = useApi<FacetsAnswer>('facets', { q, ...window, keys, limit: 6 })
  return (
    <Panel
      title="Errors by kind"
      note={facets.data && facets.data.spans > 0 && `${count(facets.data.spans)} failed spans`}
    >
      <Answer query={facets} empty={data => data.spans === 0 && 'Nothing failed in this time.'}>
        {data => (
          <ul className="common">
            {data.facets.flatMap(facet =>
              facet.values.map(value => (
                <li key={`${facet.key}=${value.value}`}>
                  <Link to={link('/search', { q: withCondition(q, condition(facet.key, value.value, value.type)) })}>
                    <span className="key">{facet.key}</span> <b>{value.value || '(none)'}</b>
                  </Link>
                  <span className="shares">
                    <span className="meter" aria-hidden="true">
                      <i className="failed" style={{ width: `${(value.count / data.spans) * 100}%` }} />
                    </span>
                    <span>
                      {count(value.count)} <span className="note">{share(value.count / data.spans)}</span>
                    </span>
                  </span>
                </li>
              )),
            )}
          </ul>
        )}
      </Answer>
    </Panel>
  )
}
