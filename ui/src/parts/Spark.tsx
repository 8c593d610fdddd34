import { type PointerEvent, useState } from 'react'

interface SparkProps {
  /** Null where nothing is known. */
  values: (number | null)[]
  label: string
  width?: number
  height?: number
  /** Shares of the width, when a person drew across. */
  onBrush?: (from: number, to: number) => void
}

/** A small trend without axes. */
export function Spark({ values, label, width = 140, height = 26, onBrush }: SparkProps) {
  const [drawn, setDrawn] = useState<[number, number] | null>(null)
  const max = Math.max(...values.map(value => value ?? 0), 1e-12)
  const x = (i: number) => (values.length < 2 ? width / 2 : 1 + (i / (values.length - 1)) * (width - 2))
  const y = (value: number) => height - 2 - (value / max) * (height - 4)
  let line = ''
  values.forEach((value, i) => {
    if (value === null) return
    const starts = i === 0 || values[i - 1] === null
    // alone between two gaps it is a dot
    const isAlone = starts && (values[i + 1] ?? null) === null
    line += `${starts ? 'M' : 'L'}${x(i).toFixed(1)} ${y(value).toFixed(1)}${isAlone ? 'h.1' : ''}`
  })
  const placeOf = (event: PointerEvent) => {
    const box = event.currentTarget.getBoundingClientRect()
    return Math.min(1, Math.max(0, (event.clientX - box.left) / box.width))
  }
  const release = () => {
    if (drawn && Math.abs(drawn[1] - drawn[0]) * width > 3) onBrush?.(Math.min(...drawn), Math.max(...drawn))
    setDrawn(null)
  }
  return (
    <svg
      className={onBrush ? 'spark brushed' : 'spark'}
      width={width}
      height={height}
      viewBox={`0 0 ${width} ${height}`}
      role="img"
      aria-label={label}
      onPointerDown={event => {
        if (!onBrush) return
        event.currentTarget.setPointerCapture(event.pointerId)
        setDrawn([placeOf(event), placeOf(event)])
      }}
      onPointerMove={event => drawn && setDrawn([drawn[0], placeOf(event)])}
      onPointerUp={release}
    >
      {drawn && <rect x={Math.min(...drawn) * width} width={Math.abs(drawn[1] - drawn[0]) * width} height={height} />}
      <path d={line} />
    </svg>
  )
}
