import { type PointerEvent, useEffect, useMemo, useRef, useState } from 'react'
import type { HeatmapAnswer, TimeseriesAnswer } from '../../api/types'
import { count, duration, instant } from '../../parts/format'
import { useTheme } from '../../parts/theme'
import { useWidth } from '../../parts/useSize'
import { useZone } from '../../parts/zone'
import { drawHeatmap } from './drawHeatmap'
import { type HeatGeometry, regionOf, rowAt, timeAt, xOf, yOf } from './heat'
import type { Region } from './region'

const height = 320

interface Props {
  answer: HeatmapAnswer
  lines: TimeseriesAnswer | null
  region: Region | null
  onRegion: (region: Region | null) => void
}

export function Heatmap({ answer, lines, region, onRegion }: Props) {
  const [attach, width] = useWidth()
  const canvas = useRef<HTMLCanvasElement>(null)
  const { theme } = useTheme()
  const { zone } = useZone()
  const [from, setFrom] = useState<[number, number] | null>(null)
  const [at, setAt] = useState<[number, number] | null>(null)
  const geometry = useMemo<HeatGeometry>(() => ({ answer, width, height, left: 58, bottom: 20 }), [answer, width])

  useEffect(() => {
    // zone: marks at the bottom are written in it
    if (canvas.current && width > 0 && zone) drawHeatmap(canvas.current, geometry, lines, theme === 'dark')
  }, [geometry, lines, width, theme, zone])

  const place = (event: PointerEvent): [number, number] => {
    const box = event.currentTarget.getBoundingClientRect()
    return [event.clientX - box.left, event.clientY - box.top]
  }
  const release = () => {
    if (from && at) onRegion(regionOf(geometry, ...from, ...at))
    setFrom(null)
  }

  return (
    <div className="heatmap" ref={attach}>
      <div
        style={{ height }}
        onPointerDown={event => {
          event.currentTarget.setPointerCapture(event.pointerId)
          setFrom(place(event))
          setAt(place(event))
        }}
        onPointerMove={event => setAt(place(event))}
        onPointerUp={release}
        onPointerLeave={() => !from && setAt(null)}
      >
        <canvas ref={canvas} style={{ width: '100%', height }} role="img" aria-label={describe(answer)} />
        {from && at && <Box x1={from[0]} y1={from[1]} x2={at[0]} y2={at[1]} />}
        {!from && region && region.end > answer.range.startUnixSeconds && (
          <RegionBox geometry={geometry} region={region} />
        )}
        {!from && at && <Tip geometry={geometry} x={at[0]} y={at[1]} />}
      </div>
      <div className="tools">
        <button type="button" onClick={() => onRegion(slowest(answer))}>
          Select the slowest
        </button>
        {region && (
          <button type="button" onClick={() => onRegion(null)}>
            Clear the selection
          </button>
        )}
      </div>
    </div>
  )
}

function Box({ x1, y1, x2, y2 }: { x1: number; y1: number; x2: number; y2: number }) {
  return (
    <div
      className="selection-box"
      style={{
        left: Math.min(x1, x2),
        top: Math.min(y1, y2),
        width: Math.abs(x2 - x1),
        height: Math.abs(y2 - y1),
      }}
    />
  )
}

function RegionBox({ geometry, region }: { geometry: HeatGeometry; region: Region }) {
  const y = (nanos: number) => (nanos > 0 ? yOf(geometry, nanos) : height - geometry.bottom)
  return (
    <Box
      x1={Math.max(geometry.left, xOf(geometry, region.start))}
      y1={y(region.lower)}
      x2={Math.min(geometry.width, xOf(geometry, region.end))}
      y2={y(region.upper)}
    />
  )
}

function Tip({ geometry, x, y }: { geometry: HeatGeometry; x: number; y: number }) {
  const { answer } = geometry
  if (x < geometry.left || y > height - geometry.bottom) return null
  const step = answer.stepMinutes * 60
  const time = Math.floor(timeAt(geometry, x) / step) * step
  const row = rowAt(geometry, y)
  const bounds = answer.rows[row]
  const cell = answer.columns.find(each => each.unixSeconds === time)?.cells.find(each => each.row === row)
  if (!bounds) return null
  return (
    <div className="tip" style={{ left: Math.min(x + 14, geometry.width - 190), top: Math.max(0, y - 60) }}>
      <b>{cell ? `${count(cell.count)} spans` : 'none'}</b>
      {cell && cell.errors > 0 && <span className="error-text"> · {count(cell.errors)} failed</span>}
      <br />
      {duration(bounds.lowerNanos)} – {duration(bounds.upperNanos)}
      <br />
      {instant(time)}
    </div>
  )
}

function describe(answer: HeatmapAnswer): string {
  const spans = answer.columns.reduce((sum, column) => sum + column.cells.reduce((all, cell) => all + cell.count, 0), 0)
  return `Heat map of ${count(spans)} spans by time and latency, from ${duration(answer.rows[0]?.lowerNanos)} to ${duration(answer.rows.at(-1)?.upperNanos)}`
}

/** The slowest hundredth, over all of the time. */
function slowest(answer: HeatmapAnswer): Region | null {
  const byRow = new Array<number>(answer.rows.length).fill(0)
  for (const column of answer.columns) {
    for (const cell of column.cells) byRow[cell.row] = (byRow[cell.row] ?? 0) + cell.count
  }
  const enough = byRow.reduce((sum, each) => sum + each, 0) / 100
  let row = byRow.length
  for (let sum = 0; row > 0 && sum < enough; ) sum += byRow[--row] ?? 0
  const [lower, upper] = [answer.rows[row], answer.rows.at(-1)]
  if (!lower || !upper) return null
  return {
    start: answer.range.startUnixSeconds,
    end: answer.range.endUnixSeconds,
    lower: lower.lowerNanos,
    upper: upper.upperNanos,
  }
}
