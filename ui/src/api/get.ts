import { noteAnswer, noteSilence } from './away'

const silence = 'The server does not answer. Is it running?'

/** What the server said was wrong, or that it did not answer. */
export class ApiError extends Error {
  constructor(
    message: string,
    readonly status: number,
  ) {
    super(message)
  }
}

/** Answers of what stands between this page and a server that does not answer it. */
const ofProxies = new Set([502, 504])

type Value = string | number | null | undefined

export function apiUrl(path: string, parameters: Record<string, Value> = {}): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== null && value !== undefined && value !== '') query.set(name, String(value))
  }
  const text = query.toString()
  return `/api/tracing/${path}${text ? `?${text}` : ''}`
}

/** The answer once it is known to be a success. */
export async function open(url: string, signal?: AbortSignal, cache: RequestCache = 'default'): Promise<Response> {
  let answer: Response
  try {
    answer = await fetch(url, { signal: signal ?? null, cache })
  } catch (e) {
    if (signal?.aborted) throw e
    noteSilence()
    throw new ApiError(silence, 0)
  }
  if (ofProxies.has(answer.status)) {
    noteSilence()
    throw new ApiError(silence, 0)
  }
  noteAnswer()
  if (answer.ok) return answer
  throw new ApiError(await problemOf(answer), answer.status)
}

export async function get<T>(url: string, signal?: AbortSignal, cache?: RequestCache): Promise<T> {
  return (await open(url, signal, cache)).json() as Promise<T>
}

async function problemOf(answer: Response): Promise<string> {
  const text = await answer.text()
  try {
    const problem = JSON.parse(text) as { detail?: string; title?: string }
    return problem.detail ?? problem.title ?? text
  } catch {
    return text || `The server answered ${answer.status}.`
  }
}
