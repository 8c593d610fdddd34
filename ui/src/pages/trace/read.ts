import { closeSubtrees, type Trace, type TraceSpan } from './model'
import { readJaeger } from './readJaeger'
import { readOtlp } from './readOtlp'
import { readZipkin } from './readZipkin'

export type Attributes = [key: string, value: string][]

/** All that is known of a span; instants are nanoseconds since 1970, which numbers of JavaScript do not hold. */
export interface SpanDetails {
  traceId: string
  id: string
  parentId: string
  service: string
  name: string
  kind: number
  isError: boolean
  statusMessage: string
  start: bigint
  duration: number
  host: string
  attributes: Attributes
  resource: Attributes
  events: { time: bigint; name: string; attributes: Attributes }[]
  links: { traceId: string; spanId: string; attributes: Attributes }[]
}

export const hostKeys = [
  'service.instance.id',
  'k8s.pod.name',
  'host.name',
  'container.id',
  'server.address',
  'net.host.ip',
]

/** A trace id, when that is all there is; null otherwise. */
export function traceIdIn(text: string): string | null {
  const id = /^[{\s]*([0-9a-f]{16}|[0-9a-f]{32})[}\s]*$/i.exec(text)?.[1]
  return id ? id.toLowerCase() : null
}

/** Spans of Zipkin's, OTLP's or Jaeger's JSON. */
export function readSpans(json: string): SpanDetails[] {
  let parsed: unknown
  try {
    parsed = JSON.parse(json)
  } catch (e) {
    throw new Error(`This is no JSON: ${(e as Error).message}`)
  }
  const spans = readZipkin(parsed) ?? readOtlp(parsed) ?? readJaeger(parsed)
  if (!spans)
    throw new Error(
      'This is JSON, but no trace: expected are spans of Zipkin (a list), OTLP (resourceSpans) or Jaeger (data).',
    )
  if (spans.length === 0) throw new Error('There are no spans in this trace.')
  return spans
}

/** The first trace of the spans, arranged as the server arranges stored ones. */
export function traceOf(details: SpanDetails[]): { trace: Trace; details: SpanDetails[] } {
  const id = details[0]?.traceId ?? ''
  const own = details.filter(span => span.traceId === id)
  const ordered = walk(own)
  const known = own.filter(span => span.start > 0n)
  // Math.min takes no bigints
  let start = known[0]?.start ?? 0n
  for (const span of known) if (span.start < start) start = span.start
  const spans: TraceSpan[] = []
  for (const [index, { span, parent }] of ordered.entries()) {
    const above = spans[parent]
    spans.push({
      index,
      id: span.id,
      parent,
      isOrphan: parent < 0 && span.parentId !== '',
      depth: above ? above.depth + 1 : 0,
      end: index + 1,
      start: span.start > 0n ? Number(span.start - start) : (above?.start ?? 0),
      duration: span.duration,
      service: span.service,
      name: span.name,
      host: span.host,
      machine: span.resource.find(([key]) => key === 'host.name')?.[1] ?? '',
      kind: span.kind,
      isError: span.isError,
    })
  }
  closeSubtrees(spans)
  const duration = Math.max(0, ...spans.map(span => span.start + span.duration))
  const trace = { id, startUnixNano: String(start), duration, total: spans.length, kept: null, weight: 1, spans }
  return { trace, details: ordered.map(each => each.span) }
}

/** Parents before children, siblings by start. Spans that are each other's ancestors come last, as roots. */
function walk(spans: SpanDetails[]): { span: SpanDetails; parent: number }[] {
  const byId = new Map<string, SpanDetails>()
  const clients = new Map<string, SpanDetails>()
  for (const span of spans) {
    if (!byId.has(span.id) || span.kind === 2) byId.set(span.id, span)
    if (span.kind === 3 && !clients.has(span.id)) clients.set(span.id, span)
  }
  // two halves of an exchange may share an id: children are the server's, and the server's half is the client's
  const parentOf = (span: SpanDetails) =>
    (span.kind === 2 && clients.get(span.id)) || (span.parentId === span.id ? null : (byId.get(span.parentId) ?? null))
  const children = new Map<SpanDetails | null, SpanDetails[]>()
  for (const span of spans) {
    const parent = parentOf(span)
    const siblings = children.get(parent)
    if (siblings) siblings.push(span)
    else children.set(parent, [span])
  }
  const sorted = (parent: SpanDetails | null) =>
    (children.get(parent) ?? []).sort((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : 0))
  const ordered: { span: SpanDetails; parent: number }[] = []
  const seen = new Set<SpanDetails>()
  for (const root of [...sorted(null), ...spans]) {
    const pending = [{ span: root, parent: -1 }]
    for (let next = pending.pop(); next; next = pending.pop()) {
      if (seen.has(next.span)) continue
      seen.add(next.span)
      const index = ordered.push(next) - 1
      for (const child of sorted(next.span).reverse()) pending.push({ span: child, parent: index })
    }
  }
  return ordered
}
