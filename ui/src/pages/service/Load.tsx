import { useMemo } from 'react'
import type { LoadAnswer } from '../../api/types'
import { Chart } from '../../parts/Chart'
import { duration, rate } from '../../parts/format'
import { useRange } from '../../parts/range'
import { Answer, Panel } from '../../parts/State'
import { useApi } from '../../parts/useApi'
import type { Subject } from './ServicePage'

export function Load({ subject }: { subject: Subject }) {
  const { window } = useRange()
  const load = useApi<LoadAnswer>('load', { ...subject, ...window })
  return (
    <Panel title="Latency under load" note={load.data && noteOf(load.data)}>
      <Answer query={load} empty={data => data.points.length === 0 && 'No spans in this time.'}>
        {data => <Points data={data} />}
      </Answer>
    </Panel>
  )
}

function noteOf({ bend, n }: LoadAnswer): string {
  if (bend) return `p99 grows faster from ${rate(bend.rate)} on (${rate(bend.lowerRate)} to ${rate(bend.upperRate)})`
  return n < 20 ? 'each point a step of time' : 'no rate from which on p99 grows faster'
}

function Points({ data }: { data: LoadAnswer }) {
  const { x, lines } = useMemo(() => {
    const points = data.points.filter(point => point.p99 !== null).sort((a, b) => a.rate - b.rate)
    return {
      x: points.map(point => point.rate),
      lines: [
        { label: 'p50', color: 'p50', values: points.map(point => point.p50 || null), points: true },
        { label: 'p99', color: 'p99', values: points.map(point => point.p99 || null), points: true },
      ],
    }
  }, [data])
  return <Chart label="Latency against rate" x={x} lines={lines} format={duration} formatX={rate} logarithmic />
}
