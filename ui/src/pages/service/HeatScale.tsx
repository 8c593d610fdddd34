import type { HeatmapAnswer } from '../../api/types'
import { heatColor } from '../../parts/colors'
import { count } from '../../parts/format'
import { useTheme } from '../../parts/theme'
import { mostOf } from './heat'

/** What the colours mean. */
export function HeatScale({ answer }: { answer: HeatmapAnswer }) {
  const { theme } = useTheme()
  const steps = [0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1]
  return (
    <div className="heat-legend">
      <span className="lines">
        {['p50', 'p95', 'p99'].map(name => (
          <span key={name}>
            <i style={{ background: `var(--${name})` }} /> {name}
          </span>
        ))}
      </span>
      <span>1</span>
      <span className="ramp" aria-hidden="true">
        {steps.map(share => (
          <i key={share} style={{ background: heatColor(share, theme === 'dark') }} />
        ))}
      </span>
      <span>{count(mostOf(answer))} spans</span>
    </div>
  )
}
