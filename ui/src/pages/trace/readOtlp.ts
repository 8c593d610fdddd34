import { type Attributes, hostKeys, type SpanDetails } from './read'

interface AnyValue {
  stringValue?: string
  boolValue?: boolean
  intValue?: string | number
  doubleValue?: number | string
  bytesValue?: string
  arrayValue?: { values?: AnyValue[] }
  kvlistValue?: { values?: KeyValue[] }
}

interface KeyValue {
  key: string
  value?: AnyValue
}

interface OtlpSpan {
  traceId: string
  spanId: string
  parentSpanId?: string
  name?: string
  kind?: number | string
  startTimeUnixNano?: string | number
  endTimeUnixNano?: string | number
  attributes?: KeyValue[]
  events?: { timeUnixNano?: string | number; name?: string; attributes?: KeyValue[] }[]
  links?: { traceId: string; spanId: string; attributes?: KeyValue[] }[]
  status?: { code?: number | string; message?: string }
}

interface ResourceSpans {
  resource?: { attributes?: KeyValue[] }
  scopeSpans?: { spans?: OtlpSpan[] }[]
  /** What OTLP 0.14 and before called them. */
  instrumentationLibrarySpans?: { spans?: OtlpSpan[] }[]
}

/** Tempo calls the list batches; Jaeger's API v3 answers with a result. */
interface Body {
  resourceSpans?: ResourceSpans[]
  batches?: ResourceSpans[]
  result?: Body
}

const kinds = ['UNSPECIFIED', 'INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER']

/** Null when it is something else. */
export function readOtlp(parsed: unknown): SpanDetails[] | null {
  const body = parsed as Body | null
  const groups = body?.resourceSpans ?? body?.batches ?? body?.result?.resourceSpans
  if (!Array.isArray(groups)) return null
  return groups.flatMap(group => {
    const resource = read(group.resource?.attributes)
    const of = (key: string) => resource.find(each => each[0] === key)?.[1]
    const host = hostKeys.map(of).find(each => each !== undefined) ?? ''
    const service = of('service.name') ?? of('localEndpoint.serviceName') ?? ''
    return (group.scopeSpans ?? group.instrumentationLibrarySpans ?? []).flatMap(scope =>
      (scope.spans ?? []).map(span => spanOf(span, service, host, resource)),
    )
  })
}

function spanOf(span: OtlpSpan, service: string, host: string, resource: Attributes): SpanDetails {
  const start = BigInt(span.startTimeUnixNano ?? 0)
  const code = span.status?.code
  return {
    traceId: span.traceId,
    id: span.spanId,
    parentId: /[^0]/.test(span.parentSpanId ?? '') ? (span.parentSpanId as string) : '',
    service,
    name: span.name ?? '',
    kind:
      typeof span.kind === 'string'
        ? Math.max(0, kinds.indexOf(span.kind.replace('SPAN_KIND_', '')))
        : (span.kind ?? 0),
    isError: code === 2 || code === 'STATUS_CODE_ERROR',
    statusMessage: span.status?.message ?? '',
    start,
    duration: Number(BigInt(span.endTimeUnixNano ?? 0) - start),
    host,
    attributes: read(span.attributes),
    resource,
    events: (span.events ?? []).map(event => ({
      time: BigInt(event.timeUnixNano ?? 0),
      name: event.name ?? '',
      attributes: read(event.attributes),
    })),
    links: (span.links ?? []).map(link => ({ ...link, attributes: read(link.attributes) })),
  }
}

function read(attributes: KeyValue[] | undefined): Attributes {
  return (attributes ?? []).map(each => [each.key, textOf(each.value)])
}

function textOf(value: AnyValue | undefined): string {
  if (!value) return ''
  if (value.arrayValue) return `[${(value.arrayValue.values ?? []).map(textOf).join(', ')}]`
  if (value.kvlistValue)
    return `{${(value.kvlistValue.values ?? []).map(each => `${each.key}: ${textOf(each.value)}`).join(', ')}}`
  return String(value.stringValue ?? value.boolValue ?? value.intValue ?? value.doubleValue ?? value.bytesValue ?? '')
}
