import { useInfiniteQuery } from '@tanstack/react-query'
import { useEffect } from 'react'
import { useNavigate, useSearchParams } from 'react-router'
import { useAway } from '../../api/away'
import { apiUrl, get } from '../../api/get'
import type { SearchAnswer } from '../../api/types'
import { Heading } from '../../parts/Heading'
import { useRowKeys } from '../../parts/Keys'
import { useLink, useRange } from '../../parts/range'
import { Empty, Failure, Loading, Panel } from '../../parts/State'
import { TraceList } from '../../parts/TraceList'
import { complete } from '../../parts/traceql'
import { useKept } from '../../parts/useApi'
import { traceIdIn } from '../trace/read'
import { Facets } from './Facets'
import { QueryLine } from './QueryLine'
import { Scatter } from './Scatter'

const orders: Record<string, string> = {
  newest: 'Newest',
  oldest: 'Oldest',
  slowest: 'Slowest',
  mostSpans: 'Most spans',
  mostErrors: 'Most errors',
}

export function SearchPage() {
  const { range, window, change } = useRange()
  const [parameters] = useSearchParams()
  const navigate = useNavigate()
  const away = useAway()
  const link = useLink()
  const q = parameters.get('q') ?? ''
  const order = parameters.get('order') ?? 'newest'
  const search = useInfiniteQuery({
    queryKey: ['search', q, order, window],
    queryFn: ({ pageParam, signal }) =>
      get<SearchAnswer>(apiUrl('search', { q, ...window, order, limit: 50, cursor: pageParam }), signal),
    initialPageParam: null as string | null,
    getNextPageParam: page => page.next,
    // while the same is looked for again, such as live, what was found stays
    placeholderData: (found, before) => (before?.queryKey[1] === q && before.queryKey[2] === order ? found : undefined),
  })
  const found = useKept(search, range, `${q} ${order}`)
  useRowKeys()
  useEffect(() => {
    const id = traceIdIn(q)
    if (id) void navigate(link(`/traces/${id}`), { replace: true })
  }, [q, navigate, link])
  const setQuery = (text: string) => change({ q: complete(text) || null })
  const traces = found.data?.pages.flatMap(page => page.traces) ?? []
  return (
    <div className="page search">
      <Heading title={q ? `Search ${q}` : 'Search'} hidden />
      <QueryLine key={q} query={q} onSearch={setQuery} />
      <div className="search-columns">
        {/* what is wrong with the query is said once */}
        {(!search.error || found.isKept) && <Facets query={q} onQuery={setQuery} />}
        <div className="results">
          {search.error && !(found.isKept && away !== null) && (
            <Failure error={search.error} retry={() => void search.refetch()} />
          )}
          {search.isPending && !found.isKept && <Loading what="Searching" />}
          {found.data && traces.length === 0 && (
            <Panel title="Traces">
              <Empty>Nothing fits in this time. Take conditions away, or look at a longer time at the top.</Empty>
            </Panel>
          )}
          {traces.length > 0 && (
            <>
              <Scatter traces={traces} />
              <Panel
                title={`${traces.length}${search.hasNextPage ? '+' : ''} traces`}
                tools={
                  <label>
                    <span className="note">Order </span>
                    <select value={order} onChange={event => change({ order: event.target.value })}>
                      {Object.entries(orders).map(([value, text]) => (
                        <option key={value} value={value}>
                          {text}
                        </option>
                      ))}
                    </select>
                  </label>
                }
              >
                <TraceList traces={traces} />
                {search.hasNextPage && (
                  <button type="button" disabled={search.isFetching} onClick={() => void search.fetchNextPage()}>
                    {search.isFetchingNextPage ? 'Reading more…' : 'More'}
                  </button>
                )}
              </Panel>
            </>
          )}
        </div>
      </div>
    </div>
  )
}
