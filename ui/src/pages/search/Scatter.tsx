import { Link } from 'react-router'
import type { FoundTrace } from '../../api/types'
import { duration, instant, serviceName } from '../../parts/format'
import { useLink } from '../../parts/range'
import { Panel } from '../../parts/State'
import { useServiceColor } from '../../parts/serviceColors'
import { useWidth } from '../../parts/useSize'

const height = 150
const left = 56

/** The traces found, by start and duration. */
export function Scatter({ traces }: { traces: FoundTrace[] }) {
  const [attach, width] = useWidth()
  const link = useLink()
  const colorOf = useServiceColor()
  const starts = traces.map(trace => Number(trace.startUnixNano) / 1e9)
  const [first, last] = [Math.min(...starts), Math.max(...starts)]
  const lengths = traces.map(trace => Math.max(1000, trace.durationNanos))
  const [low, high] = [Math.min(...lengths) / 1.3, Math.max(...lengths) * 1.3]
  const x = (time: number) => left + 8 + ((time - first) / (last - first || 1)) * (width - left - 20)
  const y = (nanos: number) => 8 + (1 - Math.log(nanos / low) / Math.log(high / low)) * (height - 34)
  const ticks = [low * 1.3, Math.sqrt(low * high), high / 1.3]
  return (
    <Panel title="Duration by time" note="a circle is a trace, larger with more spans; crossed: failed">
      <div ref={attach}>
        <svg width={width} height={height} aria-label="Traces by start and duration">
          {ticks.map(tick => (
            <g key={tick}>
              <line x1={left} x2={width} y1={y(tick)} y2={y(tick)} className="grid-line" />
              <text className="axis" x={left - 6} y={y(tick) + 4} textAnchor="end">
                {duration(tick)}
              </text>
            </g>
          ))}
          <text className="axis" x={left} y={height - 4}>
            {instant(first)}
          </text>
          <text className="axis" x={width} y={height - 4} textAnchor="end">
            {instant(last)}
          </text>
          {traces.map((trace, i) => {
            const [cx, cy] = [x(starts[i] as number), y(lengths[i] as number)]
            const r = Math.min(12, 3 + Math.log2(trace.spanCount) * 0.7)
            const color = colorOf(trace.rootService ?? '')
            const name = `${serviceName(trace.rootService)} ${trace.rootName ?? ''}, ${duration(trace.durationNanos)}`
            return (
              <Link key={trace.traceId} to={link(`/traces/${trace.traceId}`)} aria-label={name} tabIndex={-1}>
                <title>{name}</title>
                <circle cx={cx} cy={cy} r={r} fill={color} className="trace-dot" />
                {trace.errorCount > 0 && <path className="cross" d={`M${cx - 3} ${cy - 3}l6 6m0 -6l-6 6`} />}
              </Link>
            )
          })}
        </svg>
      </div>
    </Panel>
  )
}
