import { useSyncExternalStore } from 'react'

/** JSON that a person pasted or dropped, on its way to the page that shows it; it is not stored anywhere. */
let json: string | null = null
const listeners = new Set<() => void>()

export function rememberPasted(text: string | null) {
  json = text
  for (const listener of listeners) listener()
}

function listen(listener: () => void) {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

export function usePasted(): string | null {
  return useSyncExternalStore(listen, () => json)
}

/** Cheap enough for every paste: whether to try to read it. */
export function looksLikeTrace(text: string): boolean {
  return /^\s*[[{]\s*["{]/.test(text) && /"(traceId|traceID|resourceSpans|batches)"/.test(text)
}
