import { useMemo } from 'react'
import type { TimeseriesAnswer } from '../../api/types'
import { Chart } from '../../parts/Chart'
import { rate } from '../../parts/format'
import { useRange } from '../../parts/range'
import { Answer, Panel } from '../../parts/State'
import { trendOf } from '../../parts/trend'
import { useApi } from '../../parts/useApi'
import type { Subject } from './ServicePage'

interface Props {
  subject: Subject
  onBrush: (start: number, end: number) => void
}

export function RateAndErrors({ subject, onBrush }: Props) {
  const { window } = useRange()
  const series = useApi<TimeseriesAnswer>('timeseries', { ...subject, ...window })
  return (
    <Panel title="Rate and errors" note="draw across to look closer">
      <Answer query={series} empty={data => data.points.length === 0 && 'No spans in this time.'}>
        {data => <Lines data={data} onBrush={onBrush} />}
      </Answer>
    </Panel>
  )
}

function Lines({ data, onBrush }: { data: TimeseriesAnswer; onBrush: Props['onBrush'] }) {
  const { times, lines } = useMemo(() => {
    const trend = trendOf(data)
    const errors = new Map(
      data.points.map(point => [point.unixSeconds, (point.errors / Math.max(1, point.count)) * point.rate]),
    )
    return {
      times: trend.times,
      lines: [
        { label: 'requests', color: 'accent', values: trend.rates, fill: true },
        { label: 'failed', color: 'error', values: trend.times.map(time => errors.get(time) ?? 0) },
      ],
    }
  }, [data])
  return <Chart label="Requests and errors over time" x={times} lines={lines} format={rate} onBrush={onBrush} />
}
