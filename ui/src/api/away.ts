import { useSyncExternalStore } from 'react'

/** Unix seconds of the last answer of the server while it gives none; null while it does. */
let since: number | null = null
let lastAnswer = Date.now() / 1000
const listeners = new Set<() => void>()

/** The server answered, whatever it said. */
export function noteAnswer() {
  lastAnswer = Date.now() / 1000
  change(null)
}

/** It could not be reached. */
export function noteSilence() {
  change(since ?? lastAnswer)
}

function change(next: number | null) {
  if (next === since) return
  since = next
  for (const listener of listeners) listener()
}

function listen(listener: () => void) {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

/** Since when the server has not answered any request of this page; null when it did the last. */
export const useAway = () => useSyncExternalStore(listen, () => since)
