import { keepPreviousData, type UseQueryResult, useQuery } from '@tanstack/react-query'
import { useRef } from 'react'
import { apiUrl, get } from '../api/get'
import { type Range, useRange } from './range'

type Parameters = Record<string, string | number | null | undefined>

/** Milliseconds after which, live, what is about no time is asked for again. */
const liveMillis = 10_000

/** What a page needs of an answer. */
export interface Asked<T> {
  data: T | undefined
  error: Error | null
  refetch: () => unknown
  /** The data are of an earlier moment, as there is no answer for the present one. */
  isKept: boolean
}

/** An answer of the API; while parameters change, the one before stays. */
export function useApi<T>(path: string, parameters: Parameters = {}, enabled = true): Asked<T> {
  const { range } = useRange()
  const url = apiUrl(path, parameters)
  const { start, end, ...others } = parameters
  const query = useQuery({
    queryKey: [url],
    queryFn: ({ signal }) => get<T>(url, signal),
    placeholderData: keepPreviousData,
    refetchInterval: range.live && end === undefined ? liveMillis : false,
    enabled,
  })
  return useKept(query, range, apiUrl(path, others))
}

/**
 * Live, what was answered last stays when there is no answer for the present moment; what it is about, such as the path
 * and the length of the time, must be the same.
 */
export function useKept<T>(query: UseQueryResult<T>, range: Range, about: string): Asked<T> {
  const key = `${about} ${range.last}`
  const last = useRef<{ key: string; data: T } | null>(null)
  const { data, error, refetch, isPlaceholderData } = query
  if (data !== undefined && !isPlaceholderData) last.current = { key, data }
  const kept = data === undefined && range.live && last.current?.key === key ? last.current.data : undefined
  return { data: data ?? kept, error, refetch, isKept: kept !== undefined }
}
