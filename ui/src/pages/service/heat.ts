import type { HeatmapAnswer } from '../../api/types'
import type { Region } from './region'

export interface HeatGeometry {
  answer: HeatmapAnswer
  width: number
  height: number
  left: number
  bottom: number
}

export function mostOf(answer: HeatmapAnswer): number {
  return Math.max(1, ...answer.columns.flatMap(column => column.cells.map(cell => cell.count)))
}

/** Darkness of a count: by its logarithm, as few slow spans matter as much as many fast ones. */
export function shareOf(count: number, most: number): number {
  return most <= 1 ? 1 : Math.log(count) / Math.log(most)
}

/** Pixels of an instant; the plot is between the axes. */
export function xOf({ answer, width, left }: HeatGeometry, unixSeconds: number): number {
  const { startUnixSeconds: start, endUnixSeconds: end } = answer.range
  return left + ((unixSeconds - start) / (end - start)) * (width - left)
}

export function timeAt({ answer, width, left }: HeatGeometry, x: number): number {
  const { startUnixSeconds: start, endUnixSeconds: end } = answer.range
  return start + ((Math.min(width, Math.max(left, x)) - left) / (width - left)) * (end - start)
}

/** Pixels of the lower border of a row; rows are as high as one another, as they are as wide on a logarithmic scale. */
export function yOfRow({ answer, height, bottom }: HeatGeometry, row: number): number {
  return (height - bottom) * (1 - row / Math.max(1, answer.rows.length))
}

/** Pixels of a duration, within its row by its logarithm. */
export function yOf(geometry: HeatGeometry, nanos: number): number {
  const { rows } = geometry.answer
  const row = rows.findIndex(each => nanos <= each.upperNanos)
  if (row < 0) return yOfRow(geometry, rows.length)
  const { lowerNanos: lower, upperNanos: upper } = rows[row] as HeatmapAnswer['rows'][number]
  const within = lower > 0 ? Math.log(Math.max(1, nanos / lower)) / Math.log(upper / lower) : 0.5
  return yOfRow(geometry, row + within)
}

export function rowAt({ answer, height, bottom }: HeatGeometry, y: number): number {
  const row = Math.floor((1 - y / (height - bottom)) * answer.rows.length)
  return Math.min(answer.rows.length - 1, Math.max(0, row))
}

/** The steps and rows that a box touches; null for none. */
export function regionOf(geometry: HeatGeometry, x1: number, y1: number, x2: number, y2: number): Region | null {
  const { answer } = geometry
  const step = answer.stepMinutes * 60
  const [from, to] = [timeAt(geometry, Math.min(x1, x2)), timeAt(geometry, Math.max(x1, x2))]
  const lower = answer.rows[rowAt(geometry, Math.max(y1, y2))]
  const upper = answer.rows[rowAt(geometry, Math.min(y1, y2))]
  if (!lower || !upper) return null
  return {
    start: Math.floor(from / step) * step,
    end: Math.max(Math.floor(from / step) + 1, Math.ceil(to / step)) * step,
    lower: lower.lowerNanos,
    upper: upper.upperNanos,
  }
}

/** Durations to write at the side: powers of ten, and what lies between when there are few. */
export function ticksOf(answer: HeatmapAnswer): number[] {
  const first = answer.rows.find(row => row.lowerNanos > 0)?.lowerNanos
  const last = answer.rows.at(-1)?.upperNanos
  if (!first || !last) return []
  const factors = last / first > 1e4 ? [1] : last / first > 50 ? [1, 3] : [1, 2, 5]
  const ticks: number[] = []
  for (let power = 10 ** Math.floor(Math.log10(first)); power <= last; power *= 10) {
    for (const factor of factors) {
      if (power * factor >= first && power * factor <= last) ticks.push(power * factor)
    }
  }
  return ticks
}

const minutes = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 7200, 14400]

/** Instants to write at the bottom: whole minutes, hours or days, so many at most. */
export function timesOf(start: number, end: number, most: number): number[] {
  const step = 60 * (minutes.find(each => (end - start) / (each * 60) <= most) ?? 43200)
  const times: number[] = []
  for (let time = Math.ceil(start / step) * step; time <= end; time += step) times.push(time)
  return times
}
