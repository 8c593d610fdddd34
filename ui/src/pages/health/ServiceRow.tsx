import { useEffect, useRef, useState } from 'react'
import { useNavigate } from 'react-router'
import type { Change, SummaryItem, TimeseriesAnswer } from '../../api/types'
import { Delta } from '../../parts/Delta'
import { duration, rate, serviceName, share } from '../../parts/format'
import { useLink, useRange } from '../../parts/range'
import { ServiceLink } from '../../parts/Service'
import { Spark } from '../../parts/Spark'
import { trendOf } from '../../parts/trend'
import { useApi } from '../../parts/useApi'
import { nanosAt } from './order'

export function ServiceRow({ item, change }: { item: SummaryItem; change: Change | null }) {
  const row = useRef<HTMLTableRowElement>(null)
  const isSeen = useSeen(row)
  const { window, change: changeRange } = useRange()
  const step = Math.max(1, Math.ceil((window.end - window.start) / 60 / 60))
  const series = useApi<TimeseriesAnswer>('timeseries', { service: item.service, ...window, step }, isSeen)
  const navigate = useNavigate()
  const link = useLink()
  const trend = series.data && trendOf(series.data)
  const brush = (from: number, to: number) => {
    if (!trend || !series.data) return
    const minutes = series.data.stepMinutes * 60
    const at = (share: number) => trend.times[Math.round(share * (trend.times.length - 1))] as number
    changeRange({ from: String(at(from)), to: String(at(to) + minutes), last: null, live: null })
  }
  return (
    <tr
      ref={row}
      data-row
      tabIndex={-1}
      className={change ? 'changed' : ''}
      onKeyDown={event => event.key === 'Enter' && void navigate(link('/service', { service: item.service }))}
    >
      <th scope="row">
        <ServiceLink service={item.service} />
        {change && (
          <span className="badge worse" title={`${change.aspect} of ${change.operation ?? change.level}`}>
            {change.aspect === 'errors' ? 'fails more' : 'slower'}
          </span>
        )}
      </th>
      <td>
        {rate(item.current.rate)} <Delta ratio={item.ratio?.rate} neutral />
      </td>
      <td className={(item.current.errorShare ?? 0) > 0.01 ? 'alarming' : ''}>
        {share(item.current.errorShare)} <Delta ratio={item.ratio?.errorShare} />
      </td>
      <td>
        {duration(nanosAt(item, 0.5))} <Delta ratio={item.ratio?.p50} />
      </td>
      <td>
        {duration(nanosAt(item, 0.95))} <Delta ratio={item.ratio?.p95} />
      </td>
      <td>
        {duration(nanosAt(item, 0.99))} <Delta ratio={item.ratio?.p99} />
      </td>
      <td>
        <Spark values={trend?.rates ?? []} onBrush={brush} label={`Rate of ${serviceName(item.service)} over time`} />
      </td>
      <td>
        <Spark values={trend?.p95 ?? []} onBrush={brush} label={`p95 of ${serviceName(item.service)} over time`} />
      </td>
    </tr>
  )
}

/** Whether an element has been on the screen: rows far below read no trend. */
function useSeen(element: React.RefObject<HTMLElement | null>): boolean {
  const [isSeen, setSeen] = useState(false)
  useEffect(() => {
    const target = element.current
    if (!target || isSeen) return
    const observer = new IntersectionObserver(entries => entries.some(each => each.isIntersecting) && setSeen(true))
    observer.observe(target)
    return () => observer.disconnect()
  }, [element, isSeen])
  return isSeen
}
