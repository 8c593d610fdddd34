import dagre from '@dagrejs/dagre'
import { type Box, boxes, boxOf, type GraphPart, keyOf, labelOf, mostLabels } from './graph'

interface Point {
  x: number
  y: number
}

export interface Layout {
  width: number
  height: number
  box: Box
  nodes: Map<string, Point>
  edges: Map<string, Point[]>
}

/** Rows of a column of a large graph. */
const maxRows = 32
const margin = 12
/** Pixels of a letter of a label. */
const letter = 6.6

/** Callers to the left of those they call. */
export function layout(graph: GraphPart): Layout {
  const box = boxOf(graph)
  const drawn = new dagre.graphlib.Graph({ multigraph: true })
  const margins = { marginx: margin, marginy: margin }
  drawn.setGraph({ rankdir: 'LR', nodesep: 14, ranksep: 70, ranker: 'tight-tree', ...margins })
  drawn.setDefaultEdgeLabel(() => ({}))
  for (const node of graph.nodes) drawn.setNode(node.service, { width: box.width, height: box.height })
  const edges = graph.edges.filter(edge => edge.caller.service !== edge.callee.service)
  const isLabelled = edges.length <= mostLabels
  for (const edge of edges) {
    const room = isLabelled ? { width: labelOf(edge).length * letter, height: 16, labelpos: 'c' } : {}
    drawn.setEdge(edge.caller.service, edge.callee.service, room, keyOf(edge))
  }
  dagre.layout(drawn)
  const nodes = new Map<string, Point>(graph.nodes.map(node => [node.service, drawn.node(node.service)]))
  if (box === boxes.small) return { box, ...packed(nodes, edges) }
  const bends = (edge: (typeof edges)[number]) =>
    drawn.edge({ v: edge.caller.service, w: edge.callee.service, name: keyOf(edge) }).points?.slice(1, -1) ?? []
  const { width = 0, height = 0 } = drawn.graph()
  return { box, width, height, nodes, edges: linesOf(edges, nodes, box, bends) }
}

/**
 * A large graph keeps the columns and their order of the library, but not its places, which are far apart: rows without
 * gaps, and side by side what would be too high.
 */
function packed(nodes: Map<string, Point>, edges: GraphPart['edges']): Omit<Layout, 'box'> {
  const box = boxes.small
  const [stepX, stepY] = [box.width + 14, box.height + 6]
  const columns = new Map<number, string[]>()
  for (const [service, { x }] of nodes) columns.set(Math.round(x), [...(columns.get(Math.round(x)) ?? []), service])
  const placed = new Map<string, Point>()
  let [left, rows] = [margin + box.width / 2, 1]
  for (const x of [...columns.keys()].sort((a, b) => a - b)) {
    const services = (columns.get(x) ?? []).sort((a, b) => (nodes.get(a)?.y ?? 0) - (nodes.get(b)?.y ?? 0))
    const beside = Math.ceil(services.length / maxRows)
    rows = Math.max(rows, Math.ceil(services.length / beside))
    for (const [i, service] of services.entries())
      placed.set(service, { x: left + (i % beside) * stepX, y: Math.floor(i / beside) * stepY })
    left += beside * stepX + 80
  }
  // each column in the middle
  for (const x of columns.keys()) {
    const services = columns.get(x) ?? []
    const own = Math.ceil(services.length / Math.ceil(services.length / maxRows))
    const down = margin + box.height / 2 + ((rows - own) * stepY) / 2
    for (const service of services) (placed.get(service) as Point).y += down
  }
  const [width, height] = [left - 80 - 14 - box.width / 2 + margin, rows * stepY + 2 * margin]
  return { width, height, nodes: placed, edges: linesOf(edges, placed, box, () => []) }
}

/** The library ends an edge wherever it cuts a box; a curve that arrives level ends in the middle of a side. */
function linesOf(
  edges: GraphPart['edges'],
  nodes: Map<string, Point>,
  box: Box,
  bends: (edge: GraphPart['edges'][number]) => Point[],
): Map<string, Point[]> {
  return new Map(
    edges.map(edge => {
      const caller = nodes.get(edge.caller.service) as Point
      const callee = nodes.get(edge.callee.service) as Point
      const side = caller.x <= callee.x ? box.width / 2 : -box.width / 2
      return [keyOf(edge), [{ x: caller.x + side, y: caller.y }, ...bends(edge), { x: callee.x - side, y: callee.y }]]
    }),
  )
}
