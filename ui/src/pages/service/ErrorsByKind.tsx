import { useQuery } from '@tanstack/react-query'
import { Link } from 'react-router'
import { count, share, some } from '../../parts/format'
import { useLink, useRange } from '../../parts/range'
import { Answer, Panel } from '../../parts/State'
import { condition, withCondition } from '../../parts/traceql'
import { useKept } from '../../parts/useApi'
import { type ErrorKinds, readErrorKinds } from './errorKinds'
import { queryOf } from './region'
import type { Subject } from './ServicePage'
import { useKinds } from './useKinds'

/** What went wrong with the requests that failed. What failed within a request is not another failure. */
export function ErrorsByKind({ subject }: { subject: Subject }) {
  const { range, window } = useRange()
  const kinds = useKinds(subject)
  const q = withCondition(queryOf(subject, kinds ?? []), 'status = error')
  const query = useQuery({
    queryKey: ['errors by kind', q, window],
    queryFn: ({ signal }) => readErrorKinds(q, window, signal),
    placeholderData: (before, asked) => (asked?.queryKey[1] === q ? before : undefined),
    enabled: kinds !== null,
  })
  const errors = useKept(query, range, q)
  const what = kinds?.length === 0 ? 'failed span' : 'failed request'
  return (
    <Panel
      title="Errors by kind"
      note={errors.data && errors.data.total > 0 && `${some(errors.data.total, what)}, each counted once`}
    >
      <Answer query={errors} empty={data => data.total === 0 && 'Nothing failed in this time.'}>
        {data => <Kinds data={data} />}
      </Answer>
    </Panel>
  )
}

function Kinds({ data }: { data: ErrorKinds }) {
  const link = useLink()
  return (
    <ul className="common">
      {data.kinds.map(kind => (
        <li key={`${kind.key}=${kind.value}`}>
          <Link
            to={link('/search', { q: withCondition(kind.q, condition(kind.key, kind.value, kind.type)) })}
            title={`${kind.key} = ${kind.value}`}
          >
            <span className="key">{kind.key}</span> <b>{kind.value || '(none)'}</b>
          </Link>
          <Share of={kind.count} total={data.total} />
        </li>
      ))}
      {data.others > 0 && (
        <li>
          <span className="key">other kinds, or none given</span>
          <Share of={data.others} total={data.total} />
        </li>
      )}
    </ul>
  )
}

function Share({ of, total }: { of: number; total: number }) {
  return (
    <span className="shares">
      <span className="meter" aria-hidden="true">
        <i className="failed" style={{ width: `${(of / total) * 100}%` }} />
      </span>
      <span>
        {count(of)} <span className="note">{share(of / total)}</span>
      </span>
    </span>
  )
}
