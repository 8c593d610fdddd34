import type { Change, SummaryItem } from '../../api/types'

export interface RankedService {
  item: SummaryItem
  /** The surest of what got worse about it or its operations. */
  change: Change | null
}

/** What surely got worse first, then the busiest. */
export function bySignificance(services: SummaryItem[], changes: Change[]): RankedService[] {
  const surest = new Map<string, Change>()
  for (const change of changes) {
    const known = surest.get(change.service)
    if (!known || change.sureEffect > known.sureEffect) surest.set(change.service, change)
  }
  return services
    .map(item => ({ item, change: surest.get(item.service) ?? null }))
    .sort(
      (a, b) =>
        (b.change?.sureEffect ?? 0) - (a.change?.sureEffect ?? 0) ||
        b.item.current.count - a.item.current.count ||
        a.item.service.localeCompare(b.item.service),
    )
}

const nanosOf = (change: Change, q: number) => [
  change.base.quantiles.find(each => each.q === q)?.nanos ?? null,
  change.current.quantiles.find(each => each.q === q)?.nanos ?? null,
]

/** The figure that shows a change best, before and now: that quantile which grew most. */
export function tellingFigure(change: Change): { name: string; before: number | null; now: number | null } {
  if (change.aspect === 'errors')
    return { name: 'errors', before: change.base.errorShare, now: change.current.errorShare }
  const candidates = (change.aspect === 'tail' ? [0.95, 0.99, 0.999] : [0.5, 0.9, 0.95]).map(q => {
    const [before, now] = nanosOf(change, q)
    return { name: `p${String(q * 100).replace('.', '')}`, before: before ?? null, now: now ?? null }
  })
  const growth = (each: { before: number | null; now: number | null }) =>
    each.before && each.now ? each.now / each.before : 0
  return candidates.reduce((best, each) => (growth(each) > growth(best) ? each : best))
}
