import type { Range } from '../../parts/range'

const day = 86400

/** The period that a range is compared with, as the server counts it. */
export function baseWindow(range: Range): { start: number; end: number } {
  const back = range.base === 'previous' ? range.end - range.start : range.base === 'day' ? day : 7 * day
  return { start: range.start - back, end: range.end - back }
}
