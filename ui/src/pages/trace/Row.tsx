import { memo } from 'react'
import { duration, serviceName } from '../../parts/format'
import { useServiceColor } from '../../parts/serviceColors'
import { joined } from './analyze'
import type { TraceSpan } from './model'
import type { Analysis } from './TraceView'
import type { View } from './Waterfall'

export const rowHeight = 26
const indent = 12

interface Props {
  span: TraceSpan
  baseDepth: number
  top: number
  view: View
  analysis: Analysis
  percentile: number
  /** Pixels of the track, to see where a label has room. */
  trackWidth: number
  isCollapsed: boolean
  isSelected: boolean
  isFound: boolean
  onSelect: (index: number) => void
  onToggle: (index: number) => void
}

export const Row = memo(function Row(props: Props) {
  const { span, view, isCollapsed, isSelected } = props
  const colorOf = useServiceColor()
  const below = span.end - span.index - 1
  const depth = span.depth - props.baseDepth
  const className = ['row', isSelected && 'selected', props.isFound && 'found', span.isError && 'failed']
    .filter(Boolean)
    .join(' ')
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the keys are those of the page
    <div
      className={className}
      role="treeitem"
      tabIndex={-1}
      aria-level={depth + 1}
      aria-selected={isSelected}
      aria-expanded={below > 0 ? !isCollapsed : undefined}
      style={{ transform: `translateY(${props.top}px)` }}
      onClick={() => props.onSelect(span.index)}
    >
      <span className="label" style={{ paddingLeft: Math.min(depth, 30) * indent }}>
        {below > 0 ? (
          <button
            type="button"
            className="twist"
            tabIndex={-1}
            aria-hidden="true"
            title={isCollapsed ? `Expand ${below} spans` : 'Collapse'}
            onClick={event => {
              event.stopPropagation()
              props.onToggle(span.index)
            }}
          >
            {isCollapsed ? '▸' : '▾'}
          </button>
        ) : (
          <span className="twist" />
        )}
        <i className="stripe" style={{ background: colorOf(span.service) }} />
        {span.isError && (
          <span className="error-text" role="img" aria-label="failed">
            ⚠{' '}
          </span>
        )}
        {span.isOrphan && <span title="Its parent is missing">⤷? </span>}
        <b>{serviceName(span.service)}</b> {span.name}
        {isCollapsed && <span className="badge">{below}</span>}
      </span>
      <Percentile value={props.percentile} />
      <Bar span={span} view={view} analysis={props.analysis} trackWidth={props.trackWidth} />
    </div>
  )
})

function Percentile({ value }: { value: number }) {
  if (Number.isNaN(value)) return <span className="percentile" />
  const kind = value >= 99 ? ' high' : value >= 95 ? ' raised' : ''
  return <span className={`percentile${kind}`}>p{value >= 99.5 ? '99+' : Math.round(value)}</span>
}

/** Pixels that the longest label needs, with the gap before it. */
const labelWidth = 66

function Bar({ span, view, analysis, trackWidth }: Pick<Props, 'span' | 'view' | 'analysis' | 'trackWidth'>) {
  const colorOf = useServiceColor()
  const length = view.end - view.start
  const left = ((span.start - view.start) / length) * 100
  const width = (span.duration / length) * 100
  const needed = (labelWidth / Math.max(1, trackWidth)) * 100
  // behind the bar, else before it, else within it
  const isBehind = left + width <= 100 - needed
  const isBefore = !isBehind && left >= needed
  const place = isBehind
    ? { left: `calc(${left + width}% + 6px)` }
    : isBefore
      ? { right: `calc(${100 - left}% + 6px)` }
      : { left: `max(10px, ${left}% + 10px)` }
  const isWithin = !isBehind && !isBefore
  const critical = joined(analysis.segments.get(span.index) ?? [], length / 500)
  return (
    <span className="track">
      <span
        className={critical.length > 0 ? 'bar critical' : 'bar'}
        style={{
          left: `min(${left}%, 100% - 2px)`,
          width: `max(2px, ${width}%)`,
          background: colorOf(span.service),
        }}
      />
      {critical.map(({ start, end }) => (
        <i
          key={start}
          style={{ left: `${((start - view.start) / length) * 100}%`, width: `${((end - start) / length) * 100}%` }}
        />
      ))}
      <span className={isWithin ? 'length within' : 'length'} style={place}>
        {duration(span.duration)}
      </span>
    </span>
  )
}
