import type { HeatmapAnswer, TimeseriesAnswer } from '../../api/types'
import { duration } from '../../parts/format'
import { useRange } from '../../parts/range'
import { Answer, Panel } from '../../parts/State'
import { useApi } from '../../parts/useApi'
import { Heatmap } from './Heatmap'
import { HeatScale } from './HeatScale'
import type { Region } from './region'
import type { Subject } from './ServicePage'

interface Props {
  subject: Subject
  region: Region | null
  onRegion: (region: Region | null) => void
}

export function HeatmapPanel({ subject, region, onRegion }: Props) {
  const { window } = useRange()
  const heatmap = useApi<HeatmapAnswer>('heatmap', { ...subject, ...window, rows: 60 })
  const step = heatmap.data?.stepMinutes
  const lines = useApi<TimeseriesAnswer>('timeseries', { ...subject, ...window, step }, step !== undefined)
  return (
    <Panel
      title="Latency over time"
      note={
        region
          ? `${duration(region.lower)} to ${duration(region.upper)} selected`
          : 'draw a box to see what the spans in it have in common'
      }
      tools={heatmap.data && heatmap.data.columns.length > 0 && <HeatScale answer={heatmap.data} />}
    >
      <Answer query={heatmap} empty={data => data.columns.length === 0 && 'No spans in this time.'}>
        {data => <Heatmap answer={data} lines={lines.data ?? null} region={region} onRegion={onRegion} />}
      </Answer>
    </Panel>
  )
}
