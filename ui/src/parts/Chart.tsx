import { useEffect, useRef } from 'react'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { cssColor } from './colors'
import { instant, mark } from './format'
import { useTheme } from './theme'
import { useWidth } from './useSize'
import { useZone } from './zone'

export interface Line {
  label: string
  /** Name of a colour of the style sheet. */
  color: string
  values: (number | null)[]
  fill?: boolean
  points?: boolean
}

interface ChartProps {
  label: string
  x: number[]
  lines: Line[]
  format: (value: number) => string
  /** Of the numbers along the bottom, when they are no times. */
  formatX?: (value: number) => string
  height?: number
  logarithmic?: boolean
  /** From and to, when a person drew across. */
  onBrush?: (start: number, end: number) => void
}

/** A chart of uPlot in the colours of the page. */
export function Chart({ label, x, lines, format, formatX, height = 160, logarithmic, onBrush }: ChartProps) {
  const [attach, width] = useWidth()
  const host = useRef<HTMLDivElement>(null)
  const brush = useRef(onBrush)
  brush.current = onBrush
  const { theme } = useTheme()
  const { zone } = useZone()

  useEffect(() => {
    const element = host.current
    // theme: the colours are read when the chart is made
    if (!element || width === 0 || !theme) return
    const isUtc = zone === 'utc'
    const axis = { stroke: cssColor('muted'), grid: { stroke: cssColor('grid'), width: 1 }, ticks: { show: false } }
    const chart = new uPlot(
      {
        width,
        height,
        legend: { show: false },
        // where marks are put: at whole hours and days of the zone
        ...(isUtc ? { tzDate: (seconds: number) => uPlot.tzDate(new Date(seconds * 1000), 'Etc/UTC') } : {}),
        // room for half of the last mark at the bottom, and for half of the uppermost one at the side
        padding: [9, formatX ? 28 : 18, 0, 0],
        cursor: { drag: { x: brush.current !== undefined, y: false, setScale: false }, points: { size: 5 } },
        scales: {
          x: { time: formatX === undefined },
          y: logarithmic ? { distr: 3 } : { range: (_, __, max) => [0, max > 0 ? max * 1.08 : 1] },
        },
        axes: [
          {
            ...axis,
            size: 30,
            // below the lowest number at the side
            gap: 9,
            // pixels between marks, which must not run into one another
            space: formatX ? 80 : 58,
            values: (_, all, __, ___, step) => all.map(value => formatX?.(value) ?? mark(value, step)),
          },
          { ...axis, size: 62, values: (_, all) => all.map(value => (value === null ? '' : format(value))) },
        ],
        series: [
          {},
          ...lines.map(line => ({
            label: line.label,
            stroke: cssColor(line.color),
            width: line.points ? 0 : 1.5,
            ...(line.points ? { paths: () => null } : {}),
            ...(line.fill ? { fill: `${cssColor(line.color)}33` } : {}),
            points: { show: line.points === true || x.length < 3, size: 6, fill: cssColor(line.color) },
          })),
        ],
        hooks: {
          setSelect: [
            plot => {
              if (plot.select.width > 3) {
                brush.current?.(
                  plot.posToVal(plot.select.left, 'x'),
                  plot.posToVal(plot.select.left + plot.select.width, 'x'),
                )
              }
            },
          ],
          setCursor: [plot => showValues(plot, element, lines, format, formatX ?? (value => instant(value)))],
        },
      },
      [x, ...lines.map(line => line.values)] as uPlot.AlignedData,
      element,
    )
    return () => chart.destroy()
  }, [width, height, x, lines, format, formatX, logarithmic, theme, zone])

  return (
    <figure className="chart" aria-label={label} ref={attach}>
      <figcaption className="legend">
        {lines.map(line => (
          <span key={line.label}>
            <i style={{ background: `var(--${line.color})` }} /> {line.label} <b data-value={line.label} />
          </span>
        ))}
      </figcaption>
      <div ref={host} />
    </figure>
  )
}

/** Into the legend, outside React: this runs with every move of the mouse. */
function showValues(
  plot: uPlot,
  host: HTMLElement,
  lines: Line[],
  format: (value: number) => string,
  formatX: (value: number) => string,
) {
  const at = plot.cursor.idx
  for (const [i, line] of lines.entries()) {
    const target = host.parentElement?.querySelector(`[data-value="${line.label}"]`)
    const value = at === null || at === undefined ? null : (plot.data[i + 1]?.[at] ?? null)
    if (target) target.textContent = value === null ? '' : format(value)
  }
  host.title = at === null || at === undefined ? '' : formatX(plot.data[0][at] ?? 0)
}
