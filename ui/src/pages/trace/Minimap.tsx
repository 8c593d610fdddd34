import { type PointerEvent, useEffect, useRef, useState } from 'react'
import { useServiceColor } from '../../parts/serviceColors'
import { useWidth } from '../../parts/useSize'
import type { Analysis } from './TraceView'
import type { View } from './Waterfall'

const height = 56

interface Props {
  analysis: Analysis
  whole: View
  view: View
  onView: (view: View | null) => void
}

/** All spans at once, a line each; drawing across shows a part of the time. */
export function Minimap({ analysis, whole, view, onView }: Props) {
  const [attach, width] = useWidth()
  const colorOf = useServiceColor()
  const canvas = useRef<HTMLCanvasElement>(null)
  const [drawn, setDrawn] = useState<[number, number] | null>(null)
  const length = whole.end - whole.start

  useEffect(() => {
    const context = canvas.current?.getContext('2d')
    if (!canvas.current || !context || width === 0) return
    canvas.current.width = width
    canvas.current.height = height
    const { spans } = analysis
    // more spans than lines: of those that share a line only some would be seen
    const every = Math.max(1, Math.floor(spans.length / 4000))
    for (let i = 0; i < spans.length; i += every) {
      const span = spans[i]
      if (!span) continue
      context.fillStyle = colorOf(span.service)
      const x = ((span.start - whole.start) / length) * width
      context.fillRect(
        x,
        (i / spans.length) * height,
        Math.max(1, (span.duration / length) * width),
        Math.max(1, height / spans.length),
      )
    }
  }, [analysis, whole, length, width, colorOf])

  const at = (event: PointerEvent) =>
    (event.clientX - event.currentTarget.getBoundingClientRect().left) / Math.max(1, width)
  const finish = () => {
    if (drawn) {
      const [from, to] = [Math.min(...drawn), Math.max(...drawn)]
      if (to - from > 0.004) onView({ start: whole.start + from * length, end: whole.start + to * length })
      else onView(null)
    }
    setDrawn(null)
  }
  const shown = drawn
    ? [Math.min(...drawn), Math.max(...drawn)]
    : [(view.start - whole.start) / length, (view.end - whole.start) / length]
  return (
    <div
      className="minimap"
      ref={attach}
      title="Draw across to look closer, click to see all"
      onPointerDown={event => {
        event.currentTarget.setPointerCapture(event.pointerId)
        setDrawn([at(event), at(event)])
      }}
      onPointerMove={event => drawn && setDrawn([drawn[0], at(event)])}
      onPointerUp={finish}
    >
      <canvas ref={canvas} style={{ width: '100%', height }} />
      <div className="shade" style={{ left: 0, width: `${(shown[0] as number) * 100}%` }} />
      <div className="shade" style={{ right: 0, width: `${(1 - (shown[1] as number)) * 100}%` }} />
    </div>
  )
}
