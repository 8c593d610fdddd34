import { createContext, type ReactNode, useCallback, useContext, useEffect, useMemo, useState } from 'react'
import { useSearchParams } from 'react-router'

/** The time that all pages are about; it stands in the address, so that a link shows the same. */
export interface Range {
  /** Unix seconds. */
  start: number
  end: number
  /** Such as 1h; null for a range between two instants. */
  last: string | null
  live: boolean
  base: Base
}

export type Base = 'previous' | 'day' | 'week'

const seconds: Record<string, number> = { m: 60, h: 3600, d: 86400 }
const refreshSeconds = 10

/** Seconds of a text such as 15m; null when it is none. */
export function lengthOf(text: string): number | null {
  const match = /^(\d{1,4})([mhd])$/.exec(text)
  return match ? Number(match[1]) * (seconds[match[2] as string] as number) : null
}

/** What the parameters of an address say. Nonsense counts as absent: an old link should still show something. */
export function rangeOf(parameters: URLSearchParams, now: number): Range {
  const live = parameters.get('live') === '1'
  const baseText = parameters.get('base')
  const base: Base = baseText === 'day' || baseText === 'week' ? baseText : 'previous'
  const start = Number(parameters.get('from') ?? Number.NaN)
  const end = Number(parameters.get('to') ?? Number.NaN)
  if (start < end) return { start, end, last: null, live: false, base }
  const text = parameters.get('last') ?? '1h'
  const length = lengthOf(text)
  return { start: now - (length ?? 3600), end: now, last: length ? text : '1h', live, base }
}

const Now = createContext({ now: 0, refresh: () => {} })

/** The instant that relative ranges end at: that of the last refresh, so that all of a page is about the same time. */
export function NowProvider({ children }: { children: ReactNode }) {
  const [now, setNow] = useState(() => Math.ceil(Date.now() / 1000))
  const [parameters] = useSearchParams()
  const isLive = parameters.get('live') === '1'
  const refresh = useCallback(() => setNow(Math.ceil(Date.now() / 1000)), [])
  useEffect(() => {
    if (!isLive) return
    const timer = setInterval(() => document.visibilityState === 'visible' && refresh(), refreshSeconds * 1000)
    return () => clearInterval(timer)
  }, [isLive, refresh])
  const value = useMemo(() => ({ now, refresh }), [now, refresh])
  return <Now value={value}>{children}</Now>
}

export function useRange() {
  const [parameters, setParameters] = useSearchParams()
  const { now, refresh } = useContext(Now)
  const range = useMemo(() => rangeOf(parameters, now), [parameters, now])
  /** Null takes a parameter out of the address. */
  const change = useCallback(
    (changes: Record<string, string | null>, replace = false) =>
      setParameters(
        before => {
          const after = new URLSearchParams(before)
          for (const [name, value] of Object.entries(changes)) {
            if (value === null) after.delete(name)
            else after.set(name, value)
          }
          return after
        },
        { replace },
      ),
    [setParameters],
  )
  return { range, change, refresh, window: { start: range.start, end: range.end } }
}

const shared = ['last', 'from', 'to', 'base', 'live']

/** A link to another page about the same time. */
export function useLink() {
  const [parameters] = useSearchParams()
  return useCallback(
    (path: string, own: Record<string, string | null | undefined> = {}) => {
      const query = new URLSearchParams()
      for (const name of shared) {
        const value = parameters.get(name)
        if (value) query.set(name, value)
      }
      for (const [name, value] of Object.entries(own)) {
        if (value === null) query.delete(name)
        else if (value !== undefined) query.set(name, value)
      }
      const text = query.toString()
      return text ? `${path}?${text}` : path
    },
    [parameters],
  )
}
