import { useEffect, useMemo, useState } from 'react'
import type { Edge, GraphAnswer, GraphNode } from '../../api/types'
import { duration, rate, serviceName, share } from '../../parts/format'
import { Loading } from '../../parts/State'
import { useServiceColor } from '../../parts/serviceColors'
import {
  type Box,
  boxes,
  type Coloring,
  curveOf,
  keyOf,
  labelOf,
  mostLabels,
  nodeSeverityOf,
  p99Of,
  type Severity,
  severityOf,
  widthOf,
} from './graph'
import type { Layout } from './layout'
import { Zoom } from './Zoom'

interface Props {
  graph: Pick<GraphAnswer, 'nodes' | 'edges'>
  base: GraphAnswer | null
  coloring: Coloring
  focus: string | null
  onFocus: (service: string) => void
}

export function Graph({ graph, base, coloring, focus, onFocus }: Props) {
  const layout = useLayout(graph)
  const [hovered, setHovered] = useState<string | null>(null)
  const before = useMemo(() => new Map((base?.edges ?? []).map(edge => [keyOf(edge), edge])), [base])
  const nodesBefore = useMemo(() => new Map((base?.nodes ?? []).map(node => [node.service, node])), [base])
  // the worst last, so that no other is drawn over it
  const edges = useMemo(
    () =>
      graph.edges
        .map(edge => ({ edge, severity: severityOf(edge, coloring, before.get(keyOf(edge))) }))
        .sort((a, b) => a.severity - b.severity),
    [graph, coloring, before],
  )
  if (!layout) return <Loading what="Laying out the graph" />
  const rates = graph.edges.map(edge => edge.rate).filter(each => each > 0)
  const [least, most] = [Math.min(...rates), Math.max(...rates)]
  return (
    <div className={layout.box === boxes.small ? 'dense' : ''}>
      <p className="legend zoom-legend">
        <span className="severity-0">▬ {coloring === 'errors' ? 'under 0.5 % fail' : 'p99 as before'}</span>
        <span className="severity-1">▬ {coloring === 'errors' ? 'under 5 %' : 'over a quarter more'}</span>
        <span className="severity-2">▬ {coloring === 'errors' ? '5 % or more' : 'doubled'}</span>
        <span>thicker: more calls; dashed: messages; click a service to focus on it</span>
      </p>
      <Zoom width={layout.width} height={layout.height}>
        {edges.map(({ edge, severity }) => (
          <EdgeLine
            key={keyOf(edge)}
            edge={edge}
            points={layout.edges.get(keyOf(edge)) ?? []}
            severity={severity}
            width={widthOf(edge, least, most)}
            isFaint={hovered !== null && !touches(edge, hovered)}
          />
        ))}
        {graph.nodes.map(node => (
          <NodeBox
            key={node.service}
            node={node}
            box={layout.box}
            at={layout.nodes.get(node.service) ?? { x: 0, y: 0 }}
            severity={nodeSeverityOf(node, coloring, nodesBefore.get(node.service))}
            isFocus={node.service === focus}
            onFocus={onFocus}
            onHover={setHovered}
          />
        ))}
        {graph.edges.map(
          edge =>
            (graph.edges.length <= mostLabels || (hovered !== null && touches(edge, hovered))) && (
              <EdgeLabel key={keyOf(edge)} edge={edge} points={layout.edges.get(keyOf(edge)) ?? []} />
            ),
        )}
      </Zoom>
    </div>
  )
}

const touches = (edge: Edge, service: string) => edge.caller.service === service || edge.callee.service === service

/** The library that lays out is as large as all else, so it comes when it is needed. */
function useLayout(graph: Props['graph']): Layout | null {
  const [layout, setLayout] = useState<Layout | null>(null)
  useEffect(() => {
    let isCurrent = true
    void import('./layout').then(library => isCurrent && setLayout(library.layout(graph)))
    return () => {
      isCurrent = false
    }
  }, [graph])
  return layout
}

interface EdgeProps {
  edge: Edge
  points: { x: number; y: number }[]
  severity: Severity
  width: number
  isFaint: boolean
}

function EdgeLine({ edge, points, severity, width, isFaint }: EdgeProps) {
  return (
    <g className={`edge severity-${severity}${isFaint ? ' faint' : ''}`}>
      <title>
        {`${serviceName(edge.caller.service)} → ${serviceName(edge.callee.service)}: ${rate(edge.rate)}, ${share(edge.errorShare)} failed, p99 ${duration(p99Of(edge))}`}
      </title>
      <path d={curveOf(points)} strokeWidth={width} strokeDasharray={edge.kind === 'message' ? '6 4' : undefined} />
    </g>
  )
}

/** Above its line, and above all lines that cross there. */
function EdgeLabel({ edge, points }: Pick<EdgeProps, 'edge' | 'points'>) {
  const [before, after] = [points[(points.length - 1) >> 1], points[points.length >> 1]]
  if (!before || !after) return null
  return (
    <text className="edge-label" x={(before.x + after.x) / 2} y={(before.y + after.y) / 2 - 5} textAnchor="middle">
      {labelOf(edge)}
    </text>
  )
}

interface NodeProps {
  node: GraphNode
  box: Box
  at: { x: number; y: number }
  severity: Severity
  isFocus: boolean
  onFocus: (service: string) => void
  onHover: (service: string | null) => void
}

function NodeBox({ node, box, at, severity, isFocus, onFocus, onHover }: NodeProps) {
  const colorOf = useServiceColor()
  const name = serviceName(node.service)
  // a colour alone does not tell
  const sign = severity === 0 || box === boxes.large ? '' : '⚠ '
  const letters = Math.floor((box.width - 18) / (box === boxes.large ? 7.6 : 6.6)) - sign.length
  const failed = node.count ? (node.errors ?? 0) / node.count : 0
  const figures =
    node.rate === null
      ? 'no spans of its own'
      : [
          rate(node.rate),
          `p99 ${duration(node.durationNanos?.p99)}`,
          ...(failed > 0.001 ? [`⚠ ${share(failed)}`] : []),
        ].join(' · ')
  return (
    // biome-ignore lint/a11y/useSemanticElements: there is no button within SVG
    <g
      className={`node severity-${severity}${isFocus ? ' focus' : ''}${node.instrumented ? '' : ' foreign'}`}
      transform={`translate(${at.x - box.width / 2} ${at.y - box.height / 2})`}
      role="button"
      tabIndex={0}
      onClick={() => onFocus(node.service)}
      onKeyDown={event => event.key === 'Enter' && onFocus(node.service)}
      onMouseEnter={() => onHover(node.service)}
      onMouseLeave={() => onHover(null)}
    >
      <title>
        {node.instrumented ? `${name}: ${figures}` : `${name}: has no spans of its own, known from its callers`}
      </title>
      <rect width={box.width} height={box.height} rx={6} />
      <rect width={5} height={box.height} rx={2} style={{ fill: colorOf(node.service) }} className="stripe" />
      <text x={13} y={17} className="name">
        {sign}
        {name.length > letters ? `${name.slice(0, letters - 1)}…` : name}
      </text>
      {box === boxes.large && (
        <text x={13} y={33} className="axis">
          {figures}
        </text>
      )}
    </g>
  )
}
