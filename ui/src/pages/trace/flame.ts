import type { TraceSpan } from './model'

/** Spans of the same path of calls, merged. */
export interface FlameNode {
  service: string
  name: string
  count: number
  errors: number
  /** Nanoseconds of its spans together. */
  total: number
  self: number
  children: Map<string, FlameNode>
}

/** By how long spans ran themselves: the width of a node is its own time and that of all below. */
export function flameOf(spans: TraceSpan[], self: Float64Array): FlameNode {
  const root = node('', 'all')
  const nodes: FlameNode[] = []
  for (const span of spans) {
    const parent = nodes[span.parent] ?? root
    const key = `${span.service}\0${span.name}`
    let own = parent.children.get(key)
    if (!own) {
      own = node(span.service, span.name)
      parent.children.set(key, own)
    }
    own.count++
    own.errors += span.isError ? 1 : 0
    own.self += self[span.index] as number
    nodes.push(own)
  }
  // parents come first, so that backwards all below is summed up already
  const totals = new Map<FlameNode, number>()
  const order: FlameNode[] = [root]
  for (let i = 0; i < order.length; i++) order.push(...(order[i] as FlameNode).children.values())
  for (const each of order.reverse()) {
    let total = each.self
    for (const child of each.children.values()) total += totals.get(child) as number
    totals.set(each, total)
    each.total = total
  }
  return root
}

function node(service: string, name: string): FlameNode {
  return { service, name, count: 0, errors: 0, total: 0, self: 0, children: new Map() }
}

export interface FlameBox {
  node: FlameNode
  depth: number
  /** Shares of the width. */
  left: number
  width: number
}

/** Boxes wide enough to be seen, the largest of siblings first. */
export function boxesOf(root: FlameNode, least: number): FlameBox[] {
  const boxes: FlameBox[] = []
  const pending: FlameBox[] = [{ node: root, depth: 0, left: 0, width: 1 }]
  for (let next = pending.pop(); next; next = pending.pop()) {
    boxes.push(next)
    let left = next.left
    for (const child of [...next.node.children.values()].sort((a, b) => b.total - a.total)) {
      const width = next.node.total > 0 ? (child.total / next.node.total) * next.width : 0
      if (width >= least) pending.push({ node: child, depth: next.depth + 1, left, width })
      left += width
    }
  }
  return boxes
}
