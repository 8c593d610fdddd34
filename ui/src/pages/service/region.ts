import { quote } from '../../parts/traceql'
import type { Subject } from './ServicePage'

/** A part of the heat map: spans that started then and took so long. */
export interface Region {
  /** Unix seconds. */
  start: number
  end: number
  /** Nanoseconds; excluded. */
  lower: number
  /** Included. */
  upper: number
}

/** As the address has it; times first, then durations. */
export function regionText(region: Region): string {
  return [region.start, region.end, Math.floor(region.lower), Math.ceil(region.upper)].join('~')
}

/** Null for none, and for nonsense: an old link should still show something. */
export function regionIn(text: string | null): Region | null {
  const [start, end, lower, upper] = (text ?? '').split('~').map(Number)
  return start !== undefined &&
    end !== undefined &&
    lower !== undefined &&
    upper !== undefined &&
    start < end &&
    lower < upper
    ? { start, end, lower, upper }
    : null
}

/** The spans of a service or an operation, as the query language has them. */
export function filterOf(subject: Subject, kinds: string[]): string {
  const conditions = [`resource.service.name = ${quote(subject.service)}`]
  if (subject.operation) conditions.push(`name = ${quote(subject.operation)}`)
  if (kinds.length > 0)
    conditions.push(kinds.length === 1 ? `kind = ${kinds[0]}` : `(${kinds.map(kind => `kind = ${kind}`).join(' || ')})`)
  return conditions.join(' && ')
}

export function queryOf(subject: Subject, kinds: string[], region?: Region): string {
  const conditions = [filterOf(subject, kinds)]
  if (region) conditions.push(`duration > ${Math.floor(region.lower)}ns`, `duration <= ${Math.ceil(region.upper)}ns`)
  return `{ ${conditions.join(' && ')} }`
}

export interface Common {
  key: string
  value: string
  type: string
  /** Of the spans of the region. */
  share: number
  /** Of all spans of the service in the range. */
  shareOfAll: number
}

type Facets = { key: string; values: { value: string; type: string; count: number; baseCount?: number }[] }[]

/**
 * What spans of a region have more often than all spans do, the most telling first: by the difference of shares, which
 * unlike their ratio does not favour what is rare in both. Both counts of a value are asked for together, so that none
 * is taken for rare as it is not among the most frequent.
 */
export function inCommon(region: Facets, spans: number, allSpans: number): Common[] {
  if (spans === 0 || allSpans === 0) return []
  return region
    .flatMap(facet =>
      facet.values.map(value => ({
        key: facet.key,
        value: value.value,
        type: value.type,
        share: value.count / spans,
        shareOfAll: (value.baseCount ?? 0) / allSpans,
      })),
    )
    .filter(each => each.share - each.shareOfAll > 0.05)
    .sort((a, b) => b.share - b.shareOfAll - (a.share - a.shareOfAll))
}
