import { useMemo } from 'react'
import { useSearchParams } from 'react-router'
import type { OperationsAnswer } from '../../api/types'
import { serviceName } from '../../parts/format'
import { Heading } from '../../parts/Heading'
import { useRange } from '../../parts/range'
import { Dot } from '../../parts/Service'
import { Empty } from '../../parts/State'
import { useApi } from '../../parts/useApi'
import { Distribution } from './Distribution'
import { ErrorsByKind } from './ErrorsByKind'
import { HeatmapPanel } from './HeatmapPanel'
import { Load } from './Load'
import { Neighbours } from './Neighbours'
import { Operations } from './Operations'
import { RateAndErrors } from './RateAndErrors'
import { type Region, regionIn, regionText } from './region'
import { Selection } from './Selection'

export interface Subject {
  service: string
  operation: string | null
}

export default function ServicePage() {
  const [parameters] = useSearchParams()
  const service = parameters.get('service')
  if (service === null) {
    return (
      <div className="page">
        <Heading title="Service" hidden />
        <Empty>The address names no service.</Empty>
      </div>
    )
  }
  const operation = parameters.get('operation')
  return <OfService key={`${service}|${operation}`} subject={{ service, operation }} />
}

function OfService({ subject }: { subject: Subject }) {
  const { range, window, change } = useRange()
  const [parameters] = useSearchParams()
  const regionParameter = parameters.get('region')
  const region = useMemo(() => regionIn(regionParameter), [regionParameter])
  const setRegion = (next: Region | null) => change({ region: next && regionText(next) })
  const operations = useApi<OperationsAnswer>(`services/${encodeURIComponent(subject.service)}/operations`, {
    ...window,
    base: range.base,
  })
  const brushTime = (start: number, end: number) =>
    change({
      from: String(Math.floor(start / 60) * 60),
      to: String(Math.ceil(end / 60) * 60),
      last: null,
      live: null,
      region: null,
    })
  return (
    <div className="page">
      <header>
        <Heading title={`${serviceName(subject.service)}${subject.operation ? ` ${subject.operation}` : ''}`}>
          <Dot service={subject.service} />
          {serviceName(subject.service)}
        </Heading>
        <label>
          <span className="hidden">Operation</span>
          <select
            value={subject.operation ?? ''}
            onChange={event => change({ operation: event.target.value || null, region: null })}
          >
            <option value="">All operations</option>
            {subject.operation && !operations.data?.operations.some(each => each.operation === subject.operation) && (
              <option>{subject.operation}</option>
            )}
            {operations.data?.operations.map(each => (
              <option key={each.operation}>{each.operation}</option>
            ))}
          </select>
        </label>
      </header>
      <HeatmapPanel subject={subject} region={region} onRegion={setRegion} />
      {region && <Selection subject={subject} region={region} onClose={() => setRegion(null)} />}
      <div className="grid four">
        <RateAndErrors subject={subject} onBrush={brushTime} />
        <Distribution subject={subject} />
        <Load subject={subject} />
        <ErrorsByKind subject={subject} />
      </div>
      {!subject.operation && <Operations query={operations} />}
      <Neighbours service={subject.service} />
    </div>
  )
}
