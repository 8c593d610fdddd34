import type { Trace, TraceSpan } from './model'

/** Null unless it is an address of the web: the template comes from a person, and could be a script. */
export function fillTemplate(template: string, trace: Trace, span: TraceSpan): string | null {
  const start = Number(BigInt(trace.startUnixNano) / 1_000_000n) + span.start / 1e6
  const values: Record<string, string> = {
    traceId: trace.id,
    spanId: span.id,
    service: span.service,
    host: span.host,
    start: String(Math.floor(start)),
    end: String(Math.ceil(start + span.duration / 1e6)),
  }
  const url = template.replace(/\{(\w+)\}/g, (whole, name: string) =>
    name in values ? encodeURIComponent(values[name] as string) : whole,
  )
  return /^https?:\/\//.test(url) ? url : null
}
