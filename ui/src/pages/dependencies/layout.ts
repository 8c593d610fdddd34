import dagre from '@dagrejs/dagre'
import type { GraphAnswer } from '../../api/types'
import { keyOf, nodeHeight, nodeWidth } from './graph'

export interface Layout {
  width: number
  height: number
  nodes: Map<string, { x: number; y: number }>
  edges: Map<string, { x: number; y: number }[]>
}

/** Callers to the left of those they call. */
export function layout(graph: Pick<GraphAnswer, 'nodes' | 'edges'>): Layout {
  const drawn = new dagre.graphlib.Graph({ multigraph: true })
  drawn.setGraph({ rankdir: 'LR', nodesep: 14, ranksep: 90, marginx: 12, marginy: 12, ranker: 'tight-tree' })
  drawn.setDefaultEdgeLabel(() => ({}))
  for (const node of graph.nodes) drawn.setNode(node.service, { width: nodeWidth, height: nodeHeight })
  for (const edge of graph.edges) {
    if (edge.caller.service !== edge.callee.service)
      drawn.setEdge(edge.caller.service, edge.callee.service, {}, keyOf(edge))
  }
  dagre.layout(drawn)
  const size = drawn.graph()
  return {
    width: size.width ?? 0,
    height: size.height ?? 0,
    nodes: new Map(graph.nodes.map(node => [node.service, drawn.node(node.service)])),
    edges: new Map(
      graph.edges
        .filter(edge => edge.caller.service !== edge.callee.service)
        .map(edge => [
          keyOf(edge),
          fromSideToSide(
            drawn.edge({ v: edge.caller.service, w: edge.callee.service, name: keyOf(edge) }).points ?? [],
            drawn.node(edge.caller.service),
            drawn.node(edge.callee.service),
          ),
        ]),
    ),
  }
}

interface Point {
  x: number
  y: number
}

/** The library ends an edge wherever it cuts the box; a curve that arrives level ends in the middle of a side. */
function fromSideToSide(points: Point[], caller: Point, callee: Point): Point[] {
  const side = caller.x <= callee.x ? nodeWidth / 2 : -nodeWidth / 2
  return [{ x: caller.x + side, y: caller.y }, ...points.slice(1, -1), { x: callee.x - side, y: callee.y }]
}
