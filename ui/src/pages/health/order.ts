import type { Change, SummaryItem } from '../../api/types'

export interface RankedService {
  item: SummaryItem
  /** The surest of what got worse about it or its operations. */
  change: Change | null
}

export interface Folded {
  /** Where to look: of a call the callee, as its time passes there. */
  service: string
  change: Change
  /** What it calls does not explain it, and nothing else of that kind grew as much. */
  isOrigin: boolean
}

export function nanosAt(item: SummaryItem, q: number): number | null {
  return item.current.quantiles.find(each => each.q === q)?.nanos ?? null
}

/** An effect that is called large; below it load alone moves many services a little. */
export const largeEffect = 0.8

/** The surest change of each service: one slow host changes its callers, their operations and the calls between, too. */
export function foldedByService(changes: Change[], known: ReadonlySet<string>): Folded[] {
  const folded = new Map<string, Folded>()
  for (const change of changes) {
    const service = subjectOf(change, known)
    if (!folded.has(service)) folded.set(service, { service, change, isOrigin: false })
  }
  for (const isErrors of [false, true]) {
    const alike = changes.filter(each => (each.aspect === 'errors') === isErrors)
    // a call that is slow at one host of some has less of an effect than what waits for it, but explains it
    const candidates = [...folded.values()].filter(
      each =>
        alike.includes(each.change) &&
        each.change.sureEffect >= largeEffect &&
        !alike.some(call => isCallThatExplains(call, each)),
    )
    candidates.sort((a, b) => growthOf(b.change) - growthOf(a.change))
    if (candidates[0]) candidates[0].isOrigin = true
  }
  return [...folded.values()]
}

export function subjectOf(change: Change, known: ReadonlySet<string>): string {
  return change.peer !== null && known.has(change.peer) ? change.peer : change.service
}

/** Whether a service grew by no more than twice of what a call of it did. */
function isCallThatExplains(call: Change, { service, change }: Folded): boolean {
  return (
    call.service === service && call.peer !== null && call.peer !== service && growthOf(call) >= growthOf(change) / 2
  )
}

function growthOf(change: Change): number {
  const { before, now } = tellingFigure(change)
  return (now ?? 0) - (before ?? 0)
}

/** What surely got worse first, then the busiest. */
export function bySignificance(services: SummaryItem[], changes: Change[]): RankedService[] {
  const surest = new Map<string, Change>()
  const names = new Set(services.map(item => item.service))
  for (const change of changes) {
    const service = subjectOf(change, names)
    const known = surest.get(service)
    if (!known || change.sureEffect > known.sureEffect) surest.set(service, change)
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
