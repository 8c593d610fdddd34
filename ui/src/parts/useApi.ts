import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { apiUrl, get } from '../api/get'

type Parameters = Record<string, string | number | null | undefined>

/** An answer of the API; while parameters change, the one before stays. */
export function useApi<T>(path: string, parameters: Parameters = {}, enabled = true) {
  const url = apiUrl(path, parameters)
  return useQuery({
    queryKey: [url],
    queryFn: ({ signal }) => get<T>(url, signal),
    placeholderData: keepPreviousData,
    enabled,
  })
}
