/** Answers of /api/tracing, as its OpenAPI description has them. Durations are nanoseconds, instants Unix seconds. */

export interface Covered {
  startUnixSeconds: number
  endUnixSeconds: number
}

export interface QuantileBounds {
  q: number
  nanos: number | null
  lowerNanos: number | null
  upperNanos: number | null
}

export interface Summary {
  rate: number
  count: number
  errors: number
  errorShare: number | null
  estimated: boolean
  quantiles: QuantileBounds[]
}

export interface Ratio {
  rate: number | null
  errorShare: number | null
  p50: number | null
  p95: number | null
  p99: number | null
}

export interface SummaryItem {
  service: string
  operation: string | null
  kinds: string[]
  current: Summary
  base: Summary | null
  ratio: Ratio | null
}

export interface ServicesAnswer {
  range: Covered
  base: Covered | null
  services: SummaryItem[]
}

export interface OperationsAnswer {
  range: Covered
  operations: SummaryItem[]
}

export interface Quantiles {
  p50: number | null
  p90: number | null
  p95: number | null
  p99: number | null
  p999: number | null
}

export interface TimePoint {
  unixSeconds: number
  count: number
  errors: number
  rate: number
  durationNanos: Quantiles
}

export interface TimeseriesAnswer {
  range: Covered
  stepMinutes: number
  points: TimePoint[]
}

export interface Change {
  level: 'service' | 'operation' | 'edge'
  service: string
  operation: string | null
  peer: string | null
  side: 'caller' | 'callee' | null
  aspect: 'latency' | 'tail' | 'errors'
  effect: number
  sureEffect: number
  adjustedP: number
  current: Summary
  base: Summary
}

export interface ChangesAnswer {
  range: Covered
  base: Covered
  comparisons: number
  notCompared: number
  changes: Change[]
  found: number
}

export interface HeatmapAnswer {
  range: Covered
  stepMinutes: number
  rows: { lowerNanos: number; upperNanos: number }[]
  columns: {
    unixSeconds: number
    cells: { row: number; count: number; errors: number; traceId: string | null; errorTraceId: string | null }[]
  }[]
}

export interface DistributionAnswer {
  count: number
  errors: number
  quantiles: QuantileBounds[]
  buckets: { lowerNanos: number; upperNanos: number; count: number; errors: number }[]
}

export interface LoadAnswer {
  points: { unixSeconds: number; rate: number; count: number; p50: number | null; p99: number | null }[]
  bend: { rate: number; lowerRate: number; upperRate: number; p99Nanos: number } | null
  n: number
}

export interface EdgeSide {
  count: number
  errors: number
  p50: number | null
  p99: number | null
  mean: number | null
}

export interface Edge {
  caller: { service: string; operation: string | null }
  callee: { service: string; operation: string | null }
  kind: 'call' | 'message'
  calls: number
  errors: number
  errorShare: number | null
  rate: number
  callerSide: EdgeSide
  calleeSide: EdgeSide
  networkNanos: number | null
  networkShare: number | null
}

export interface EdgesAnswer {
  edges: Edge[]
  isComplete: boolean
}

export interface GraphNode {
  service: string
  instrumented: boolean
  count: number | null
  errors: number | null
  rate: number | null
  durationNanos: Quantiles | null
}

export interface GraphAnswer {
  nodes: GraphNode[]
  edges: Edge[]
  isComplete: boolean
}

export interface FoundTrace {
  traceId: string
  rootService: string | null
  rootName: string | null
  /** Then the topmost span that is stored stands for the root. */
  isRootMissing?: boolean
  startUnixNano: string
  durationNanos: number
  isDurationUnknown?: boolean
  spanCount: number
  errorCount: number
  kept: string
  weight: number
  services: { name: string; spans: number; errors: number }[]
  matchCount: number
  spans: { spanId: string; name: string; service: string; durationNanos: number; status: string }[]
}

export interface SearchAnswer {
  traces: FoundTrace[]
  next: string | null
}

export interface FacetsAnswer {
  spans: number
  traces: number
  errors: number
  durationNanos: { min: number; p50: number; p90: number; p99: number; max: number } | null
  /** How many spans there are to compare with, and how many of them have a value; if that was asked for. */
  baseSpans?: number
  facets: {
    key: string
    distinctValues: number
    values: { value: string; type: string; count: number; baseCount?: number }[]
  }[]
}

export interface KeysAnswer {
  keys: { key: string; scope: string; spans: number; types: { type: string; spans: number }[] }[]
}

export interface ValuesAnswer {
  values: { value: string; type: string; scope: string; count: number }[]
}

export interface HistoryAnswer {
  range: Covered
  operations: { service: string; operation: string; kind: string; count: number; percentiles: number[] }[]
  isComplete: boolean
}

export interface SystemAnswer {
  version: string
  startedUnixSeconds: number
  /** Open ports, and in what formats and transports spans are taken at each. */
  ports: { port: number; protocols: string[] }[]
  store: {
    kind: string
    path: string
    bytes: number
    files: { name: string; bytes: number; writtenUnixSeconds: number }[]
  }
  intake: {
    transport: string
    messages: number
    messagesDropped: number
    bytes: number
    spans: number
    spansDropped: number
  }[]
  metrics: {
    transport: string
    messages: number
    received: number
    counted: number
    ignored: number
    rejected: number
    failed: number
  }[]
  clients: { service: string; ended: number; sent: number; dropped: number }[]
  sampling: {
    service: string
    probability: number
    maxTracesPerSecond: number | null
    operations: Record<string, number>
  }[]
  settings: { key: string; value: string; default: string; text: string }[]
}
