import { createContext, type ReactNode, useContext, useEffect, useState } from 'react'
import { setZone, type Zone } from './format'

const key = 'tracing.zone'
const ZoneContext = createContext<{ zone: Zone; setZone: (zone: Zone) => void }>({ zone: 'local', setZone: () => {} })

/** The time zone in which all times are written and read: this browser's, or UTC. */
export function ZoneProvider({ children }: { children: ReactNode }) {
  const [zone, set] = useState<Zone>(() => (localStorage.getItem(key) === 'utc' ? 'utc' : 'local'))
  // before the children draw
  setZone(zone)
  useEffect(() => localStorage.setItem(key, zone), [zone])
  return <ZoneContext value={{ zone, setZone: set }}>{children}</ZoneContext>
}

export const useZone = () => useContext(ZoneContext)
