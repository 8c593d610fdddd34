import type { TimeseriesAnswer } from '../api/types'

/** A value for each step of the range: 0 or nothing where the answer left a step out for want of spans. */
export function trendOf(answer: TimeseriesAnswer): { times: number[]; rates: number[]; p95: (number | null)[] } {
  const step = answer.stepMinutes * 60
  const byTime = new Map(answer.points.map(point => [point.unixSeconds, point]))
  const times: number[] = []
  for (let time = answer.range.startUnixSeconds; time < answer.range.endUnixSeconds; time += step) times.push(time)
  return {
    times,
    rates: times.map(time => byTime.get(time)?.rate ?? 0),
    p95: times.map(time => byTime.get(time)?.durationNanos.p95 ?? null),
  }
}
