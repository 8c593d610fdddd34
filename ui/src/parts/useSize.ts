import { useCallback, useState } from 'react'

/** Width of an element in pixels, as it changes; 0 until it is laid out. */
export function useWidth(): [(element: HTMLElement | null) => void | (() => void), number] {
  const [width, setWidth] = useState(0)
  const attach = useCallback((element: HTMLElement | null) => {
    if (!element) return
    const observer = new ResizeObserver(() => setWidth(Math.floor(element.clientWidth)))
    observer.observe(element)
    setWidth(Math.floor(element.clientWidth))
    return () => observer.disconnect()
  }, [])
  return [attach, width]
}
