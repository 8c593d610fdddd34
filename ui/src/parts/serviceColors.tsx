import { useQuery } from '@tanstack/react-query'
import { createContext, type ReactNode, useContext, useMemo } from 'react'
import { get } from '../api/get'
import { colorsOf } from './colors'
import { useRange } from './range'

const Colors = createContext(colorsOf([]))
const Names = createContext<readonly string[]>([])
const none: readonly string[] = []

/** Milliseconds after which the names are asked for again: live, new services are seen as soon as their spans are. */
const again = { live: 10_000, else: 60_000 }

/** Gives all below the colours of the services that the server knows, whatever time a page is about. */
export function ServiceColors({ children }: { children: ReactNode }) {
  const { range } = useRange()
  const known = useQuery({
    queryKey: ['names of services'],
    // the one list of them that no time bounds, in lower case; the server lets browsers keep it for minutes
    queryFn: ({ signal }) => get<string[]>('/api/v2/services', signal, 'no-store'),
    refetchInterval: range.live ? again.live : again.else,
  })
  return <Given names={known.data ?? none}>{children}</Given>
}

/** The same with services that the server need not know, as those of a trace that is not stored. */
export function MoreColors({ services, children }: { services: readonly string[]; children: ReactNode }) {
  const known = useContext(Names)
  const names = useMemo(() => [...known, ...services], [known, services])
  return <Given names={names}>{children}</Given>
}

function Given({ names, children }: { names: readonly string[]; children: ReactNode }) {
  const colors = useMemo(() => colorsOf(names), [names])
  return (
    <Names value={names}>
      <Colors value={colors}>{children}</Colors>
    </Names>
  )
}

export const useServiceColor = () => useContext(Colors)
