import { useEffect, useState } from 'react'
import { useAway } from '../../api/away'
import { ApiError, apiUrl, open } from '../../api/get'
import { append, type OutlineHead, type OutlineWindow, type Trace } from './model'

export interface Loaded {
  trace: Trace | null
  isComplete: boolean
  error: Error | null
}

/** Reads the outline of a stored trace; what has come is shown while the rest still comes. */
export function useTrace(traceId: string): Loaded {
  const [loaded, setLoaded] = useState<Loaded>({ trace: null, isComplete: false, error: null })
  const away = useAway()
  // once more when a server that could not be asked is there again
  const isUnasked = loaded.error instanceof ApiError && loaded.error.status === 0
  const attempt = isUnasked && away !== null ? 'waits' : 'reads'
  useEffect(() => {
    if (attempt === 'waits') return
    const abort = new AbortController()
    setLoaded({ trace: null, isComplete: false, error: null })
    readOutline(traceId, abort.signal, (trace, isComplete) => setLoaded({ trace, isComplete, error: null })).catch(
      (error: Error) => !abort.signal.aborted && setLoaded({ trace: null, isComplete: false, error }),
    )
    return () => abort.abort()
  }, [traceId, attempt])
  return loaded
}

export async function readOutline(
  traceId: string,
  signal: AbortSignal,
  show: (trace: Trace, isComplete: boolean) => void,
) {
  const answer = await open(apiUrl(`traces/${encodeURIComponent(traceId)}/outline`), signal)
  const texts: string[] = []
  let trace: Trace | null = null
  for await (const line of lines(answer)) {
    if (trace === null) {
      const head = JSON.parse(line) as OutlineHead
      trace = {
        id: head.traceId,
        startUnixNano: head.startUnixNano,
        duration: head.durationNanos,
        total: head.spans,
        kept: head.kept,
        weight: head.weight,
        spans: [],
      }
    } else {
      const isFirst = trace.spans.length === 0
      append(trace.spans, JSON.parse(line) as OutlineWindow, texts)
      // of the windows between, all would be computed anew
      if (isFirst && trace.spans.length < trace.total) show({ ...trace, spans: [...trace.spans] }, false)
    }
  }
  if (!trace) throw new Error('The answer ended before it began.')
  show({ ...trace }, true)
}

async function* lines(answer: Response): AsyncGenerator<string> {
  const reader = (answer.body as ReadableStream<Uint8Array>).pipeThrough(new TextDecoderStream() as never).getReader()
  let rest = ''
  for (;;) {
    const { done, value } = (await reader.read()) as { done: boolean; value: string }
    if (done) break
    const parts = (rest + value).split('\n')
    rest = parts.pop() as string
    yield* parts
  }
  if (rest) yield rest
}
