import type { HistoryAnswer } from '../../api/types'
import { kindNames, type TraceSpan } from './model'

/** The percentile of each span among those of its operation, 0 to 100; NaN where too few are known. */
export function percentilesOf(spans: TraceSpan[], history: HistoryAnswer): Float32Array {
  const known = new Map(history.operations.map(each => [keyOf(each.service, each.operation, each.kind), each]))
  return Float32Array.from(spans, span => {
    const operation = known.get(keyOf(span.service, span.name, kindNames[span.kind] ?? ''))
    return operation && operation.count >= fewest ? percentileOf(span.duration, operation.percentiles) : Number.NaN
  })
}

/** Spans from which on a percentile says something. */
const fewest = 20

const keyOf = (service: string, operation: string, kind: string) => `${service}\0${operation}\0${kind}`

/** How many hundredths did not take longer. */
export function percentileOf(nanos: number, percentiles: number[]): number {
  let [low, high] = [0, percentiles.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((percentiles[middle] as number) <= nanos) low = middle + 1
    else high = middle
  }
  return Math.min(100, low)
}
