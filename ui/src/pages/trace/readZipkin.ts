import type { Attributes, SpanDetails } from './read'

interface ZipkinEndpoint {
  serviceName?: string
  ipv4?: string
  ipv6?: string
  port?: number
}

interface ZipkinSpan {
  traceId: string
  id: string
  parentId?: string
  name?: string
  kind?: string
  timestamp?: number
  duration?: number
  localEndpoint?: ZipkinEndpoint
  remoteEndpoint?: ZipkinEndpoint
  annotations?: { timestamp: number; value: string }[]
  tags?: Record<string, string>
}

const kinds: Record<string, number> = { SERVER: 2, CLIENT: 3, PRODUCER: 4, CONSUMER: 5 }
const nanos = (micros: number | undefined) => BigInt(Math.round(micros ?? 0)) * 1000n

/** Null when it is something else. */
export function readZipkin(parsed: unknown): SpanDetails[] | null {
  if (!Array.isArray(parsed)) return null
  const spans = parsed as ZipkinSpan[]
  if (!spans.every(span => typeof span?.traceId === 'string' && typeof span.id === 'string')) return null
  return spans.map(span => ({
    traceId: span.traceId,
    id: span.id,
    parentId: span.parentId ?? '',
    service: span.localEndpoint?.serviceName ?? '',
    name: span.name ?? '',
    kind: kinds[span.kind ?? ''] ?? 0,
    isError: span.tags?.error !== undefined,
    statusMessage: span.tags?.error ?? '',
    start: nanos(span.timestamp),
    duration: (span.duration ?? 0) * 1000,
    host: span.localEndpoint?.ipv4 ?? span.localEndpoint?.ipv6 ?? '',
    attributes: [...Object.entries(span.tags ?? {}), ...endpoint('remoteEndpoint', span.remoteEndpoint)],
    resource: endpoint('localEndpoint', span.localEndpoint),
    events: (span.annotations ?? []).map(each => ({ time: nanos(each.timestamp), name: each.value, attributes: [] })),
    links: [],
  }))
}

function endpoint(name: string, value: ZipkinEndpoint | undefined): Attributes {
  return Object.entries(value ?? {}).map(([key, each]) => [`${name}.${key}`, String(each)])
}
