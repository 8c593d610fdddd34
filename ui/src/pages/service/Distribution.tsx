import type { DistributionAnswer } from '../../api/types'
import { count, duration } from '../../parts/format'
import { useRange } from '../../parts/range'
import { Answer, Panel } from '../../parts/State'
import { useApi } from '../../parts/useApi'
import { useWidth } from '../../parts/useSize'
import { baseWindow } from './baseWindow'
import { histogramOf } from './histogram'
import type { Subject } from './ServicePage'

const height = 150
const marks = [0.5, 0.95, 0.99]

export function Distribution({ subject }: { subject: Subject }) {
  const { range, window } = useRange()
  const now = useApi<DistributionAnswer>('distribution', { ...subject, ...window })
  const base = useApi<DistributionAnswer>('distribution', { ...subject, ...baseWindow(range) })
  return (
    <Panel title="Distribution of latencies" note="bars: now; line: the base period">
      <Answer query={now} empty={data => data.count === 0 && 'No spans in this time.'}>
        {data => <Histogram now={data} base={base.data ?? null} />}
      </Answer>
    </Panel>
  )
}

function Histogram({ now, base }: { now: DistributionAnswer; base: DistributionAnswer | null }) {
  const [attach, width] = useWidth()
  const { bars, outline, x } = histogramOf(now, base, Math.max(width, 1), height - 34)
  return (
    <figure className="chart" ref={attach}>
      <svg width={width} height={height} role="img" aria-label={describe(now)}>
        <g transform="translate(0 16)">
          {bars.map(bar => (
            <rect key={bar.x} x={bar.x} y={bar.y} width={bar.width} height={bar.height} className="bar">
              <title>
                {duration(bar.lower)} – {duration(bar.upper)}: {count(bar.count)}
              </title>
            </rect>
          ))}
          {outline && <path d={outline} className="base-line" />}
        </g>
        {marks.map((q, i) => {
          const nanos = now.quantiles.find(each => each.q === q)?.nanos
          if (!nanos) return null
          const at = x(nanos)
          const isRight = at > width - 90
          return (
            <g key={q} className={`mark p${q * 100}`}>
              <line x1={at} x2={at} y1={4} y2={height - 18} />
              <text x={isRight ? at - 4 : at + 4} y={13 + i * 13} textAnchor={isRight ? 'end' : 'start'}>
                p{q * 100} {duration(nanos)}
              </text>
            </g>
          )
        })}
        <text className="axis" x={0} y={height - 4}>
          {duration(now.buckets[0]?.lowerNanos)}
        </text>
        <text className="axis" x={width} y={height - 4} textAnchor="end">
          {duration(now.buckets.at(-1)?.upperNanos)} (logarithmic)
        </text>
      </svg>
    </figure>
  )
}

function describe(answer: DistributionAnswer): string {
  const text = marks.map(q => `p${q * 100} ${duration(answer.quantiles.find(each => each.q === q)?.nanos)}`)
  return `Distribution of ${count(answer.count)} latencies: ${text.join(', ')}`
}
