import { boundsOf } from '../trace/analyze'
import { childrenOf, type TraceSpan } from '../trace/model'

/** A place in both traces, or in one of them. */
export interface Pair {
  depth: number
  a: TraceSpan | null
  b: TraceSpan | null
}

export type Difference = 'missing' | 'extra' | 'slower' | 'faster' | 'same'

/** Shares and times from which on a difference is one: less is what any two runs differ by. */
const leastRatio = 1.25
const leastNanos = 1e6

/**
 * Lays two traces over one another: below the same parents, the first call of an operation fits the first of that
 * operation in the other trace, and so on.
 */
export function align(a: TraceSpan[], b: TraceSpan[]): Pair[] {
  const pairs: Pair[] = []
  const pending: Pair[] = matchUp(a, rootsOf(a), b, rootsOf(b), 0).reverse()
  for (let next = pending.pop(); next; next = pending.pop()) {
    pairs.push(next)
    const below = matchUp(
      a,
      next.a ? childrenOf(a, next.a.index) : [],
      b,
      next.b ? childrenOf(b, next.b.index) : [],
      next.depth + 1,
    )
    pending.push(...below.reverse())
  }
  return pairs
}

/** Nanoseconds since the start of a trace. */
export interface Extent {
  start: number
  end: number
}

/** The time of both traces together, in which the bars of each are drawn. */
export function extentOf(a: TraceSpan[], b: TraceSpan[]): Extent {
  const [first, second] = [boundsOf(a), boundsOf(b)]
  return { start: Math.min(first.start, second.start), end: Math.max(first.end, second.end) }
}

function rootsOf(spans: TraceSpan[]): number[] {
  return spans.filter(span => span.parent < 0).map(span => span.index)
}

function matchUp(a: TraceSpan[], ofA: number[], b: TraceSpan[], ofB: number[], depth: number): Pair[] {
  const waiting = new Map<string, TraceSpan[]>()
  for (const index of ofB) {
    const span = b[index] as TraceSpan
    const like = waiting.get(keyOf(span))
    if (like) like.push(span)
    else waiting.set(keyOf(span), [span])
  }
  const pairs: Pair[] = ofA.map(index => {
    const span = a[index] as TraceSpan
    return { depth, a: span, b: waiting.get(keyOf(span))?.shift() ?? null }
  })
  for (const span of [...waiting.values()].flat()) pairs.push({ depth, a: null, b: span })
  return pairs.sort((x, y) => startOf(x) - startOf(y))
}

const keyOf = (span: TraceSpan) => `${span.service}\0${span.name}\0${span.kind}`
const startOf = (pair: Pair) => (pair.b ?? pair.a)?.start ?? 0

export function differenceOf({ a, b }: Pair): Difference {
  if (!b) return 'missing'
  if (!a) return 'extra'
  const [longer, shorter] = [Math.max(a.duration, b.duration), Math.min(a.duration, b.duration)]
  if (longer - shorter < leastNanos || longer < shorter * leastRatio) return 'same'
  return b.duration > a.duration ? 'slower' : 'faster'
}
