import { useMemo } from 'react'
import { Link, useParams } from 'react-router'
import type { HistoryAnswer } from '../../api/types'
import { Heading } from '../../parts/Heading'
import { useLink } from '../../parts/range'
import { Failure, Loading } from '../../parts/State'
import { useApi } from '../../parts/useApi'
import { percentilesOf } from './percentile'
import { TraceView } from './TraceView'
import { useTrace } from './useTrace'

export function TracePage() {
  const { traceId = '' } = useParams()
  const { trace, isComplete, error } = useTrace(traceId)
  const link = useLink()
  const history = useApi<HistoryAnswer>(`traces/${encodeURIComponent(traceId)}/history`, {}, isComplete)
  const percentiles = useMemo(
    () => (trace && history.data ? percentilesOf(trace.spans, history.data) : null),
    [trace, history.data],
  )
  if (error) {
    return (
      <div className="page">
        <Heading title={`Trace ${traceId}`} hidden />
        <Failure error={error} />
        <p className="state">
          Traces are kept for some time only, and of the ordinary ones a share.{' '}
          <Link to={link('/search')}>Search for others like it</Link>
        </p>
      </div>
    )
  }
  if (!trace) {
    return (
      <div className="page">
        <Heading title={`Trace ${traceId}`} hidden />
        <Loading what="Reading the trace" />
      </div>
    )
  }
  return <TraceView key={trace.id} trace={trace} isComplete={isComplete} percentiles={percentiles} details={null} />
}
