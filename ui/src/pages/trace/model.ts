/** A span in its place; times are nanoseconds since the start of the trace. */
export interface TraceSpan {
  index: number
  id: string
  /** Index of the parent; -1 for roots, also those whose parent is missing. */
  parent: number
  isOrphan: boolean
  depth: number
  /** Index after the last descendant. */
  end: number
  start: number
  duration: number
  service: string
  name: string
  host: string
  /** Where its process runs; spans of one machine were timed by one clock. Empty when unknown. */
  machine: string
  /** OTLP's number: 2 server, 3 client, 4 producer, 5 consumer. */
  kind: number
  isError: boolean
}

/** A trace, or as much of it as has come; spans are in the order of a walk from the roots. */
export interface Trace {
  id: string
  /** Nanoseconds since 1970, as text. */
  startUnixNano: string
  duration: number
  total: number
  /** Why it is stored; null for one that is not. */
  kept: string | null
  weight: number
  spans: TraceSpan[]
}

export const kindNames = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer']

/** What an address calls a span. Two halves of an exchange may share an id; the server's is below the client's. */
export function addressOf(spans: TraceSpan[], span: TraceSpan): string {
  return spans[span.parent]?.id === span.id ? `${span.id}.${kindNames[span.kind]}` : span.id
}

export interface OutlineHead {
  traceId: string
  spans: number
  startUnixNano: string
  durationNanos: number
  kept: string
  weight: number
}

export interface OutlineWindow {
  texts: string[]
  ids: string[]
  parents: number[]
  starts: (number | null)[]
  durations: number[]
  services: number[]
  names: number[]
  hosts: number[]
  machines: number[]
  kinds: number[]
  statuses: number[]
}

/** Appends a window of an outline; texts are those of all windows so far. */
export function append(spans: TraceSpan[], window: OutlineWindow, texts: string[]) {
  texts.push(...window.texts)
  for (const [i, id] of window.ids.entries()) {
    const given = window.parents[i] as number
    const parent = given >= 0 ? (spans[given] as TraceSpan) : null
    spans.push({
      index: spans.length,
      id,
      parent: given >= 0 ? given : -1,
      isOrphan: given === -2,
      depth: parent ? parent.depth + 1 : 0,
      end: spans.length + 1,
      // what has no time of its own is shown where its parent starts
      start: window.starts[i] ?? parent?.start ?? 0,
      duration: window.durations[i] as number,
      service: texts[window.services[i] as number] as string,
      name: texts[window.names[i] as number] as string,
      host: texts[window.hosts[i] as number] as string,
      machine: texts[window.machines[i] as number] as string,
      kind: window.kinds[i] as number,
      isError: window.statuses[i] === 2,
    })
  }
  closeSubtrees(spans)
}

/** Each span's end: children follow their parent, so that one walk backwards is enough. */
export function closeSubtrees(spans: TraceSpan[]) {
  for (const span of spans) span.end = span.index + 1
  for (let i = spans.length - 1; i >= 0; i--) {
    const span = spans[i] as TraceSpan
    const parent = spans[span.parent]
    if (parent && parent.end < span.end) parent.end = span.end
  }
}

/**
 * Index after the last descendant. A trace that is still coming is drawn from a part of its spans while more are
 * appended, so that an end may be beyond that part.
 */
function endOf(spans: TraceSpan[], index: number): number {
  return Math.min((spans[index] as TraceSpan).end, spans.length)
}

/** Indices of the children, by start. */
export function childrenOf(spans: TraceSpan[], index: number): number[] {
  const children: number[] = []
  const end = endOf(spans, index)
  for (let i = index + 1; i < end; i = (spans[i] as TraceSpan).end) children.push(i)
  return children
}

/** Indices of the rows to show: those of a subtree, without what is below collapsed ones. */
export function rowsOf(spans: TraceSpan[], collapsed: ReadonlySet<number>, root: number | null): number[] {
  const from = root ?? 0
  const end = root === null ? spans.length : endOf(spans, root)
  const rows: number[] = []
  for (let i = from; i < end; ) {
    rows.push(i)
    i = collapsed.has(i) ? (spans[i] as TraceSpan).end : i + 1
  }
  return rows
}
