import { type ReactNode, useState } from 'react'
import { useWidth } from '../../parts/useSize'

/** A drawing that is fitted to the width, and can be moved and enlarged. */
export function Zoom({ width, height, children }: { width: number; height: number; children: ReactNode }) {
  const [attach, room] = useWidth()
  const [zoom, setZoom] = useState(1)
  // small graphs are not blown up, and of large ones the text stays legible
  const fit = Math.min(1.15, Math.max(0.7, room / Math.max(1, width)))
  const scale = fit * zoom
  return (
    <div className="zoom" ref={attach}>
      <div className="zoom-tools">
        <button type="button" className="icon" aria-label="Larger" onClick={() => setZoom(zoom * 1.25)}>
          +
        </button>
        <button type="button" className="icon" aria-label="Smaller" onClick={() => setZoom(zoom / 1.25)}>
          −
        </button>
        <button type="button" onClick={() => setZoom(1)}>
          Fit
        </button>
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <section className="canvas" tabIndex={0} aria-label="Graph of services">
        <svg width={width * scale} height={height * scale} viewBox={`0 0 ${width} ${height}`}>
          <title>Services and the calls between them</title>
          {children}
        </svg>
      </section>
    </div>
  )
}
