import type { TimeseriesAnswer } from '../../api/types'
import { cssColor, heatColor } from '../../parts/colors'
import { clock, day, duration } from '../../parts/format'
import { type HeatGeometry, mostOf, shareOf, ticksOf, timesOf, xOf, yOf, yOfRow } from './heat'

export function drawHeatmap(
  canvas: HTMLCanvasElement,
  geometry: HeatGeometry,
  lines: TimeseriesAnswer | null,
  dark: boolean,
) {
  const { width, height } = geometry
  const ratio = window.devicePixelRatio || 1
  canvas.width = width * ratio
  canvas.height = height * ratio
  const context = canvas.getContext('2d')
  if (!context) return
  context.scale(ratio, ratio)
  context.clearRect(0, 0, width, height)
  drawAxes(context, geometry)
  drawCells(context, geometry, dark)
  if (lines) drawLines(context, geometry, lines)
}

function drawAxes(context: CanvasRenderingContext2D, geometry: HeatGeometry) {
  const { answer, width, height, left, bottom } = geometry
  context.font = '11px system-ui, "DejaVu Sans", sans-serif'
  context.fillStyle = cssColor('muted')
  context.strokeStyle = cssColor('grid')
  context.lineWidth = 1
  for (const tick of ticksOf(answer)) {
    const y = Math.round(yOf(geometry, tick)) + 0.5
    context.beginPath()
    context.moveTo(left, y)
    context.lineTo(width, y)
    context.stroke()
    context.textAlign = 'right'
    context.fillText(duration(tick).replace(/\.0+(?= )/, ''), left - 6, Math.max(9, y + 4))
  }
  const { startUnixSeconds: start, endUnixSeconds: end } = answer.range
  context.textAlign = 'center'
  const widest = context.measureText(label(start, end - start)).width
  for (const time of timesOf(start, end, Math.max(2, Math.floor((width - left) / (widest + 36))))) {
    // none that would be cut off
    const x = xOf(geometry, time)
    if (x + widest / 2 < width && x - widest / 2 > left - 20)
      context.fillText(label(time, end - start), x, height - bottom + 15)
  }
}

function label(unixSeconds: number, length: number): string {
  return length > 2 * 86400 ? `${day(unixSeconds)} ${clock(unixSeconds)}` : clock(unixSeconds)
}

function drawCells(context: CanvasRenderingContext2D, geometry: HeatGeometry, dark: boolean) {
  const { answer } = geometry
  const most = mostOf(answer)
  const step = answer.stepMinutes * 60
  for (const column of answer.columns) {
    const x = xOf(geometry, column.unixSeconds)
    const wide = Math.max(1, xOf(geometry, column.unixSeconds + step) - x - 0.6)
    for (const cell of column.cells) {
      const top = yOfRow(geometry, cell.row + 1)
      const high = Math.max(1, yOfRow(geometry, cell.row) - top - 0.4)
      context.fillStyle = heatColor(shareOf(cell.count, most), dark)
      context.fillRect(x, top, wide, high)
      if (cell.errors > 0) {
        context.fillStyle = cssColor('error')
        context.fillRect(x, top, Math.max(2, wide * Math.min(1, cell.errors / cell.count)), 2)
      }
    }
  }
}

function drawLines(context: CanvasRenderingContext2D, geometry: HeatGeometry, lines: TimeseriesAnswer) {
  const half = lines.stepMinutes * 30
  for (const name of ['p50', 'p95', 'p99'] as const) {
    // a border in the colour of the ground, so that a line is seen on cells of any colour
    for (const [color, width] of [
      [cssColor('panel'), 4.5],
      [cssColor(name), 2],
    ] as const) {
      context.strokeStyle = color
      context.lineWidth = width
      context.lineJoin = 'round'
      context.beginPath()
      let before = Number.NEGATIVE_INFINITY
      for (const point of lines.points) {
        const nanos = point.durationNanos[name]
        if (nanos === null) continue
        const [x, y] = [xOf(geometry, point.unixSeconds + half), yOf(geometry, nanos)]
        // a gap where steps have no spans
        if (point.unixSeconds - before > lines.stepMinutes * 60 * 3) context.moveTo(x, y)
        else context.lineTo(x, y)
        before = point.unixSeconds
      }
      context.stroke()
    }
  }
}
