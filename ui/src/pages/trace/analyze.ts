import { childrenOf, type TraceSpan } from './model'

const client = 3
const server = 2

/**
 * How far the clock of each span's host is off, as far as its parent shows: a server cannot work before or after its
 * client waits, so that it is put into the middle. What it calls in the same process moves with it. On one machine the
 * clock is the same, and a server that ends after its client only answered before it was done.
 */
export function skewOf(spans: TraceSpan[]): Float64Array {
  const shifts = new Float64Array(spans.length)
  for (const span of spans) {
    const parent = spans[span.parent]
    if (!parent) continue
    const parentShift = shifts[parent.index] as number
    const isSameClock = span.machine !== '' && parent.machine === span.machine
    if (isSameClock || (parent.service === span.service && parent.host === span.host)) {
      shifts[span.index] = parentShift
      continue
    }
    if (span.kind !== server || parent.kind !== client || span.duration > parent.duration) continue
    const start = parent.start + parentShift
    const isOutside = span.start < start || span.start + span.duration > start + parent.duration
    if (isOutside) shifts[span.index] = start + (parent.duration - span.duration) / 2 - span.start
  }
  return shifts
}

/** The same spans with the shifts applied. */
export function shifted(spans: TraceSpan[], shifts: Float64Array): TraceSpan[] {
  return shifts.every(shift => shift === 0)
    ? spans
    : spans.map(span => ({ ...span, start: span.start + (shifts[span.index] as number) }))
}

/** From the earliest start to the latest end; not empty. */
export function boundsOf(spans: TraceSpan[]): { start: number; end: number } {
  let [start, end] = [Number.POSITIVE_INFINITY, 0]
  for (const span of spans) {
    start = Math.min(start, span.start)
    end = Math.max(end, span.start + span.duration)
  }
  return spans.length === 0 ? { start: 0, end: 1 } : { start, end: Math.max(end, start + 1) }
}

/** What a span did itself: its duration less the time in which some child ran. */
export function selfTimes(spans: TraceSpan[]): Float64Array {
  const self = new Float64Array(spans.length)
  for (const span of spans) {
    const until = span.start + span.duration
    const children = childrenOf(spans, span.index).map(i => spans[i] as TraceSpan)
    children.sort((a, b) => a.start - b.start)
    let covered = 0
    let reached = span.start
    for (const child of children) {
      const from = Math.max(child.start, reached)
      const to = Math.min(child.start + child.duration, until)
      if (to > from) {
        covered += to - from
        reached = to
      }
    }
    self[span.index] = Math.max(0, span.duration - covered)
  }
  return self
}

/** A part of the critical path: shortening it shortens the trace. */
export interface Segment {
  span: number
  start: number
  end: number
}

/**
 * From the end of the root backwards: the child that ended last before is what was waited for, and so on within it
 * ("CRISP", USENIX ATC 2022). What outlives its parent was not waited for.
 */
export function criticalPath(spans: TraceSpan[], root = 0): Segment[] {
  const first = spans[root]
  if (!first) return []
  const path: Segment[] = []
  const pending: { span: TraceSpan; until: number }[] = [{ span: first, until: first.start + first.duration }]
  for (let next = pending.pop(); next; next = pending.pop()) {
    const { span } = next
    let at = next.until
    const children = childrenOf(spans, span.index)
      .map(i => spans[i] as TraceSpan)
      .sort((a, b) => b.start + b.duration - (a.start + a.duration))
    for (const child of children) {
      const end = child.start + child.duration
      if (end > at || end <= span.start || child.duration <= 0) continue
      if (at > end) path.push({ span: span.index, start: end, end: at })
      pending.push({ span: child, until: end })
      at = Math.max(child.start, span.start)
    }
    if (at > span.start) path.push({ span: span.index, start: span.start, end: at })
  }
  return path.sort((a, b) => a.start - b.start)
}

/** Nanoseconds of the critical path in each span. */
export function criticalTimes(path: Segment[], count: number): Float64Array {
  const times = new Float64Array(count)
  for (const segment of path) times[segment.span] = (times[segment.span] ?? 0) + segment.end - segment.start
  return times
}

/** The segments of each span that has some, by time. */
export function bySpan(path: Segment[]): Map<number, Segment[]> {
  const segments = new Map<number, Segment[]>()
  for (const segment of path) {
    const own = segments.get(segment.span)
    if (own) own.push(segment)
    else segments.set(segment.span, [segment])
  }
  return segments
}

/** Those that can be told apart when so much time is a pixel or two: what is nearer is one. */
export function joined(segments: Segment[], nanos: number): Segment[] {
  const all: Segment[] = []
  for (const segment of segments) {
    const last = all.at(-1)
    if (last && segment.start - last.end < nanos) last.end = segment.end
    else all.push({ ...segment })
  }
  return all
}
