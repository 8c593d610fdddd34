import { apiUrl, get } from '../../api/get'
import type { FacetsAnswer } from '../../api/types'
import { withCondition } from '../../parts/traceql'

export interface ErrorKind {
  key: string
  value: string
  type: string
  count: number
  /** The failures among which it was counted: those that have none of the keys before. */
  q: string
}

export interface ErrorKinds {
  total: number
  kinds: ErrorKind[]
  /** Failures that are of no kind listed. */
  others: number
}

/** What tells a kind of failure, the more telling first. The message, which may be of one failure alone, comes last. */
const keys = [
  'span.error.type',
  'span.exception.type',
  'span.rpc.grpc.status_code',
  'span.http.response.status_code',
  'span.error',
  'statusMessage',
]
const mostValues = 6

/**
 * Failures by kind, each counted once: by the first of the keys that it has, as one that has several would be in each
 * of their lists. Mostly the first key or two tell of all, and no more is asked.
 */
export async function readErrorKinds(
  q: string,
  window: { start: number; end: number },
  signal: AbortSignal,
): Promise<ErrorKinds> {
  const kinds: ErrorKind[] = []
  let rest = q
  let total: number | null = null
  let listed = 0
  for (const key of keys) {
    const answer = await get<FacetsAnswer>(
      apiUrl('facets', { q: rest, ...window, keys: key, limit: mostValues }),
      signal,
    )
    total ??= answer.spans
    if (answer.spans === 0) break
    for (const { value, type, count } of answer.facets.flatMap(facet => facet.values)) {
      kinds.push({ key, value, type, count, q: rest })
      listed += count
    }
    rest = withCondition(rest, `${key} = nil`)
  }
  kinds.sort((a, b) => b.count - a.count)
  return { total: total ?? 0, kinds, others: Math.max(0, (total ?? 0) - listed) }
}
