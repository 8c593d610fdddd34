import { useMemo, useState } from 'react'
import { count, duration, serviceName, share } from '../../parts/format'
import { Panel } from '../../parts/State'
import { useServiceColor } from '../../parts/serviceColors'
import { useWidth } from '../../parts/useSize'
import { boxesOf, type FlameNode, flameOf } from './flame'
import type { Analysis } from './TraceView'

const rowHeight = 21

export function Flame({ analysis }: { analysis: Analysis }) {
  const root = useMemo(() => flameOf(analysis.spans, analysis.self), [analysis])
  const [top, setTop] = useState<FlameNode | null>(null)
  const [attach, width] = useWidth()
  const colorOf = useServiceColor()
  const shown = top ?? root
  const boxes = useMemo(() => boxesOf(shown, 1 / Math.max(1, width)), [shown, width])
  const depth = boxes.reduce((most, box) => Math.max(most, box.depth), 0) + 1
  return (
    <Panel
      title="Flame graph"
      note="spans of the same path merged; width: time of their own and of all below; click to look closer"
      tools={
        top && (
          <button type="button" onClick={() => setTop(null)}>
            Whole trace
          </button>
        )
      }
    >
      <div className="flame" ref={attach} style={{ height: depth * rowHeight }}>
        {boxes.map(box => (
          <button
            key={`${box.depth}|${box.left}|${box.node.service}|${box.node.name}`}
            type="button"
            title={titleOf(box.node, root)}
            style={{
              left: `${box.left * 100}%`,
              width: `calc(${box.width * 100}% - 1px)`,
              top: box.depth * rowHeight,
              ...colorsOf(box.node === root ? 'var(--muted)' : colorOf(box.node.service)),
            }}
            onClick={() => setTop(box.node === root ? null : box.node)}
          >
            {box.width * width > 40 && labelOf(box.node, root)}
          </button>
        ))}
      </div>
    </Panel>
  )
}

/** Mixed with the ground, so that the text on it can be read in light and dark. */
function colorsOf(color: string) {
  return { borderLeftColor: color, background: `color-mix(in srgb, ${color} 24%, var(--panel))` }
}

function labelOf(node: FlameNode, root: FlameNode): string {
  if (node === root) return `All, ${duration(node.total)}`
  return `${node.errors > 0 ? '⚠ ' : ''}${serviceName(node.service)} ${node.name}`
}

function titleOf(node: FlameNode, root: FlameNode): string {
  return `${labelOf(node, root)}: ${count(node.count)} spans, ${duration(node.total)} (${share(node.total / root.total)}), of it ${duration(node.self)} their own`
}
