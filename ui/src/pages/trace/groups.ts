import type { Analysis } from './TraceView'

/** Spans of a service, or of an operation. Durations in nanoseconds. */
export interface Group {
  service: string
  name: string | null
  count: number
  errors: number
  total: number
  longest: number
  self: number
  critical: number
}

export function groupsOf({ spans, self, critical }: Analysis, by: 'service' | 'operation'): Group[] {
  const groups = new Map<string, Group>()
  for (const span of spans) {
    const name = by === 'operation' ? span.name : null
    const key = `${span.service}\0${name}`
    let group = groups.get(key)
    if (!group) {
      group = { service: span.service, name, count: 0, errors: 0, total: 0, longest: 0, self: 0, critical: 0 }
      groups.set(key, group)
    }
    group.count++
    group.errors += span.isError ? 1 : 0
    group.total += span.duration
    group.longest = Math.max(group.longest, span.duration)
    group.self += self[span.index] as number
    group.critical += critical[span.index] as number
  }
  return [...groups.values()]
}
