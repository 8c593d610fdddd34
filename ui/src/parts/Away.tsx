import { useQueryClient } from '@tanstack/react-query'
import { useEffect, useRef } from 'react'
import { useAway } from '../api/away'
import { open } from '../api/get'
import { instant } from './format'
import { useRange } from './range'

/** Milliseconds after which a server that does not answer is asked again. */
const againMillis = 5_000

/** Says that the server does not answer, asks until it does, and then reads what could not be read. */
export function Away() {
  const away = useAway()
  const { refresh } = useRange()
  const client = useQueryClient()
  const wasAway = useRef(false)
  useEffect(() => {
    document.documentElement.classList.toggle('stale', away !== null)
    if (away === null) {
      if (!wasAway.current) return
      wasAway.current = false
      refresh()
      void client.refetchQueries({ type: 'active', predicate: query => query.state.status === 'error' })
      return
    }
    wasAway.current = true
    const ask = () => document.visibilityState === 'visible' && open('/api/v2/services', undefined, 'no-store')
    const timer = setInterval(() => void Promise.resolve(ask()).catch(() => {}), againMillis)
    return () => clearInterval(timer)
  }, [away, refresh, client])
  return (
    <div role="status">
      {away !== null && (
        <p className="away">
          ⚠ The server is not answering. Showing data from {instant(away)}; trying again every {againMillis / 1000} s.
        </p>
      )}
    </div>
  )
}
