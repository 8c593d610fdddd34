import type { Edge, GraphAnswer, GraphNode } from '../../api/types'
import { rate, share } from '../../parts/format'

/** Pixels of a service's box. */
export interface Box {
  width: number
  height: number
}

export const boxes = { large: { width: 212, height: 42 }, small: { width: 152, height: 24 } }
const fewNodes = 60

/** Of many services only the names are written, so that they can be read all at once. */
export function boxOf(graph: GraphPart): Box {
  return graph.nodes.length > fewNodes ? boxes.small : boxes.large
}

export type Coloring = 'errors' | 'latency'

export type GraphPart = Pick<GraphAnswer, 'nodes' | 'edges'>

/** The part of a graph that is so many calls around a service, up and down. */
export function around(graph: GraphPart, focus: string | null, depth: number): GraphPart {
  if (focus === null || !graph.nodes.some(node => node.service === focus)) return graph
  const reached = new Set([focus])
  // up and down apart: a caller's other callees are not what one asked for
  for (const [from, to] of [
    ['caller', 'callee'],
    ['callee', 'caller'],
  ] as const) {
    let border = new Set([focus])
    for (let i = 0; i < depth && border.size > 0; i++) {
      const next = graph.edges.filter(edge => border.has(edge[from].service)).map(edge => edge[to].service)
      border = new Set(next.filter(service => !reached.has(service) || i === 0))
      for (const service of border) reached.add(service)
    }
  }
  return {
    nodes: graph.nodes.filter(node => reached.has(node.service)),
    edges: graph.edges.filter(edge => reached.has(edge.caller.service) && reached.has(edge.callee.service)),
  }
}

export const keyOf = (edge: Edge) => `${edge.caller.service}\0${edge.callee.service}\0${edge.kind}`

/** The caller's measurements, or the callee's where the caller has none. */
const sideOf = (edge: Edge) => (edge.callerSide.count > 0 ? edge.callerSide : edge.calleeSide)

export const p50Of = (edge: Edge) => sideOf(edge).p50
export const p99Of = (edge: Edge) => sideOf(edge).p99

/** 0 well, 1 some, 2 much. */
export type Severity = 0 | 1 | 2

/** How bad an edge looks. */
export function severityOf(edge: Edge, coloring: Coloring, before: Edge | undefined): Severity {
  return coloring === 'errors' ? ofErrors(edge.errorShare ?? 0) : ofChange(p99Of(edge), before ? p99Of(before) : null)
}

/** How bad a service looks, by its own spans. */
export function nodeSeverityOf(node: GraphNode, coloring: Coloring, before: GraphNode | undefined): Severity {
  return coloring === 'errors'
    ? ofErrors(node.count ? (node.errors ?? 0) / node.count : 0)
    : ofChange(node.durationNanos?.p99, before?.durationNanos?.p99)
}

function ofErrors(share: number): Severity {
  return share >= 0.05 ? 2 : share >= 0.005 ? 1 : 0
}

function ofChange(now: number | null | undefined, then: number | null | undefined): Severity {
  if (!now || !then) return 0
  return now / then >= 2 ? 2 : now / then >= 1.25 ? 1 : 0
}

/** What is written at an edge. */
export function labelOf(edge: Edge): string {
  return `${rate(edge.rate)}${(edge.errorShare ?? 0) > 0 ? ` · ⚠ ${share(edge.errorShare)}` : ''}`
}

/** With more edges, labels are in one another's way; then those of the service that is pointed at are shown. */
export const mostLabels = 30

/** Pixels of an edge: by the logarithm of its rate, as rates differ by thousands. */
export function widthOf(edge: Edge, least: number, most: number): number {
  if (most <= least) return 2
  return 1 + 5 * (Math.log(edge.rate / least) / Math.log(most / least))
}

/** A curve through points from left to right that leaves and reaches each of them level. */
export function curveOf(points: { x: number; y: number }[]): string {
  const at = (x: number, y: number) => `${x.toFixed(1)} ${y.toFixed(1)}`
  return points
    .map(({ x, y }, i) => {
      const before = points[i - 1]
      if (!before) return `M${at(x, y)}`
      const middle = (before.x + x) / 2
      return `C${at(middle, before.y)} ${at(middle, y)} ${at(x, y)}`
    })
    .join('')
}
