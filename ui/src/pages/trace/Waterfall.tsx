import { useVirtualizer } from '@tanstack/react-virtual'
import { useCallback, useEffect, useMemo, useRef, useState } from 'react'
import { useSearchParams } from 'react-router'
import { duration } from '../../parts/format'
import { useKeys } from '../../parts/Keys'
import { useRange } from '../../parts/range'
import { useWidth } from '../../parts/useSize'
import { boundsOf } from './analyze'
import { Details } from './Details'
import { Minimap } from './Minimap'
import { addressOf, rowsOf, type Trace, type TraceSpan } from './model'
import { Row, rowHeight } from './Row'
import type { SpanDetails } from './read'
import type { Analysis } from './TraceView'

interface Props {
  trace: Trace
  analysis: Analysis
  percentiles: Float32Array | null
  details: SpanDetails[] | null
}

export interface View {
  start: number
  end: number
}

export function Waterfall({ trace, analysis, percentiles, details }: Props) {
  const { spans } = analysis
  const [parameters] = useSearchParams()
  const { change } = useRange()
  const [collapsed, setCollapsed] = useState<ReadonlySet<number>>(new Set())
  const [root, setRoot] = useState<number | null>(null)
  const [zoom, setZoom] = useState<View | null>(null)
  const [text, setText] = useState('')
  const [onlyPath, setOnlyPath] = useState(false)
  const scroller = useRef<HTMLDivElement>(null)
  const [attachTrack, trackWidth] = useWidth()

  const whole = useMemo<View>(
    () => boundsOf(root === null ? spans : spans.slice(root, spans[root]?.end)),
    [spans, root],
  )
  const view = zoom ?? whole
  const rows = useMemo(() => {
    const all = rowsOf(spans, collapsed, root)
    return onlyPath ? all.filter(i => (analysis.critical[i] ?? 0) > 0) : all
  }, [spans, collapsed, root, onlyPath, analysis])
  const found = useMemo(() => search(spans, text), [spans, text])
  const selectedId = parameters.get('span')
  const selected = useMemo(() => spans.find(span => addressOf(spans, span) === selectedId) ?? null, [spans, selectedId])
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    overscan: 6,
  })

  const select = useCallback(
    (index: number) => change({ span: addressOf(spans, spans[index] as TraceSpan) }, true),
    [change, spans],
  )
  const toggle = useCallback(
    (index: number) =>
      setCollapsed(before => {
        const after = new Set(before)
        if (!after.delete(index)) after.add(index)
        return after
      }),
    [],
  )
  const show = (index: number) => {
    setCollapsed(before => new Set([...before].filter(each => !isAbove(spans, each, index))))
    select(index)
  }
  const move = (by: number) => {
    const at = selected ? rows.indexOf(selected.index) : -1
    const next = rows[Math.min(rows.length - 1, Math.max(0, at + by))]
    if (next !== undefined) select(next)
  }
  const nextFound = (by: number) => {
    const after = found.filter(i => (by > 0 ? i > (selected?.index ?? -1) : i < (selected?.index ?? Number.MAX_VALUE)))
    const next = (by > 0 ? after[0] : after.at(-1)) ?? (by > 0 ? found[0] : found.at(-1))
    if (next !== undefined) show(next)
  }
  useKeys({
    j: () => move(1),
    k: () => move(-1),
    ArrowDown: () => move(1),
    ArrowUp: () => move(-1),
    ArrowLeft: () => selected && !collapsed.has(selected.index) && toggle(selected.index),
    ArrowRight: () => selected && collapsed.has(selected.index) && toggle(selected.index),
    n: () => nextFound(1),
    N: () => nextFound(-1),
    Escape: () => change({ span: null }, true),
  })
  const at = selected ? rows.indexOf(selected.index) : -1
  useEffect(() => {
    if (at >= 0) virtual.scrollToIndex(at, { align: 'auto' })
  }, [at, virtual])

  return (
    <div className={selected ? 'waterfall with-details' : 'waterfall'}>
      <section className="panel">
        <div className="waterfall-tools">
          <input
            type="search"
            data-search
            placeholder="Find a service, operation, host or span id"
            aria-label="Find in the trace"
            value={text}
            onChange={event => setText(event.target.value)}
            onKeyDown={event => event.key === 'Enter' && nextFound(event.shiftKey ? -1 : 1)}
          />
          {text && <span className="note">{found.length} found</span>}
          <button type="button" aria-pressed={onlyPath} onClick={() => setOnlyPath(!onlyPath)}>
            Critical path only
          </button>
          <button type="button" onClick={() => setCollapsed(parentsBelow(spans, 1))}>
            Collapse all
          </button>
          <button type="button" onClick={() => setCollapsed(new Set())}>
            Expand all
          </button>
          {root !== null && (
            <button type="button" onClick={() => setRoot(null)}>
              Whole trace
            </button>
          )}
          {zoom && (
            <button type="button" onClick={() => setZoom(null)}>
              All of the time
            </button>
          )}
        </div>
        <Minimap analysis={analysis} whole={whole} view={view} onView={setZoom} />
        <div className="waterfall-head" aria-hidden="true">
          <span>Service and operation</span>
          <span title="Percentile among the spans of the operation, of the day before">Pctl</span>
          <Ticks view={view} from={analysis.start} attach={attachTrack} width={trackWidth} />
        </div>
        <div ref={scroller} className="rows" role="tree" aria-label={`${trace.total} spans`} tabIndex={0}>
          <div style={{ height: virtual.getTotalSize() }}>
            {virtual.getVirtualItems().map(item => {
              const index = rows[item.index] as number
              return (
                <Row
                  key={index}
                  span={spans[index] as TraceSpan}
                  baseDepth={root === null ? 0 : (spans[root]?.depth ?? 0)}
                  top={item.start}
                  view={view}
                  analysis={analysis}
                  percentile={percentiles?.[index] ?? Number.NaN}
                  trackWidth={trackWidth}
                  isCollapsed={collapsed.has(index)}
                  isSelected={selected?.index === index}
                  isFound={text !== '' && matches(spans[index] as TraceSpan, text.toLowerCase())}
                  onSelect={select}
                  onToggle={toggle}
                />
              )
            })}
          </div>
        </div>
      </section>
      {selected && (
        <Details
          trace={trace}
          span={selected}
          analysis={analysis}
          percentile={percentiles?.[selected.index] ?? Number.NaN}
          known={details?.[selected.index] ?? null}
          isStored={details === null}
          onFocus={() => setRoot(selected.index)}
          onClose={() => change({ span: null }, true)}
        />
      )}
    </div>
  )
}

interface TicksProps {
  view: View
  from: number
  attach: ReturnType<typeof useWidth>[0]
  width: number
}

/** Four marks, or as many as do not run into one another. */
function Ticks({ view, from, attach, width }: TicksProps) {
  const shares = width >= 300 ? [0, 0.25, 0.5, 0.75] : width >= 140 ? [0, 0.5] : [0]
  return (
    <span className="ticks" ref={attach}>
      {shares.map(share => (
        <span key={share} style={{ left: `${share * 100}%` }}>
          {duration(view.start - from + share * (view.end - view.start))}
        </span>
      ))}
    </span>
  )
}

function isAbove(spans: TraceSpan[], above: number, below: number): boolean {
  return above < below && below < (spans[above] as TraceSpan).end
}

function parentsBelow(spans: TraceSpan[], depth: number): Set<number> {
  return new Set(spans.filter(span => span.depth >= depth && span.end > span.index + 1).map(span => span.index))
}

function matches(span: TraceSpan, lower: string): boolean {
  return (
    span.name.toLowerCase().includes(lower) ||
    span.service.toLowerCase().includes(lower) ||
    span.host.toLowerCase().includes(lower) ||
    span.id === lower
  )
}

function search(spans: TraceSpan[], text: string): number[] {
  const lower = text.trim().toLowerCase()
  return lower ? spans.filter(span => matches(span, lower)).map(span => span.index) : []
}
