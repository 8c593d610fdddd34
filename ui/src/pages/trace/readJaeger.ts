import type { Attributes, SpanDetails } from './read'

interface JaegerTag {
  key: string
  value: unknown
}

interface JaegerSpan {
  traceID: string
  spanID: string
  operationName: string
  startTime: number
  duration: number
  processID?: string
  process?: JaegerProcess
  references?: { refType: string; traceID: string; spanID: string }[]
  tags?: JaegerTag[]
  logs?: { timestamp: number; fields: JaegerTag[] }[]
}

interface JaegerProcess {
  serviceName: string
  tags?: JaegerTag[]
}

interface JaegerTrace {
  spans: JaegerSpan[]
  processes?: Record<string, JaegerProcess>
}

const kinds: Record<string, number> = { internal: 1, server: 2, client: 3, producer: 4, consumer: 5 }

/** Null when it is something else. */
export function readJaeger(parsed: unknown): SpanDetails[] | null {
  const body = parsed as { data?: JaegerTrace[] | JaegerTrace } & Partial<JaegerTrace>
  const data = body?.data ?? body
  const trace = (Array.isArray(data) ? data[0] : data) as JaegerTrace | undefined
  if (!Array.isArray(trace?.spans)) return null
  return trace.spans.map(span => spanOf(span, span.process ?? trace.processes?.[span.processID ?? '']))
}

function spanOf(span: JaegerSpan, process: JaegerProcess | undefined): SpanDetails {
  const attributes = read(span.tags)
  const tag = (key: string) => attributes.find(each => each[0] === key)?.[1]
  const resource = read(process?.tags)
  const references = span.references ?? []
  const parent = references.find(each => each.refType === 'CHILD_OF' && each.traceID === span.traceID) ?? references[0]
  return {
    traceId: span.traceID,
    id: span.spanID,
    parentId: parent?.spanID ?? '',
    service: process?.serviceName ?? '',
    name: span.operationName,
    kind: kinds[tag('span.kind') ?? ''] ?? 0,
    isError: tag('error') === 'true' || tag('otel.status_code') === 'ERROR',
    statusMessage: tag('otel.status_description') ?? '',
    start: BigInt(Math.round(span.startTime)) * 1000n,
    duration: span.duration * 1000,
    host: resource.find(each => each[0] === 'hostname' || each[0] === 'ip')?.[1] ?? '',
    attributes,
    resource: [['service.name', process?.serviceName ?? ''], ...resource],
    events: (span.logs ?? []).map(log => {
      const fields = read(log.fields)
      return {
        time: BigInt(Math.round(log.timestamp)) * 1000n,
        name: fields.find(each => each[0] === 'event' || each[0] === 'message')?.[1] ?? 'log',
        attributes: fields,
      }
    }),
    links: references
      .filter(each => each !== parent)
      .map(each => ({ traceId: each.traceID, spanId: each.spanID, attributes: [] })),
  }
}

function read(tags: JaegerTag[] | undefined): Attributes {
  return (tags ?? []).map(each => [each.key, typeof each.value === 'string' ? each.value : JSON.stringify(each.value)])
}
