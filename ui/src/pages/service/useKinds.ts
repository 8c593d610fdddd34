import type { OperationsAnswer } from '../../api/types'
import { useRange } from '../../parts/range'
import { useApi } from '../../parts/useApi'
import type { Subject } from './ServicePage'

const serving = ['server', 'consumer']

/** The heat map counts server and consumer spans where there are some; so must the search. Null while unknown. */
export function useKinds(subject: Subject): string[] | null {
  const { window } = useRange()
  const operations = useApi<OperationsAnswer>(`services/${encodeURIComponent(subject.service)}/operations`, window)
  if (!operations.data) return operations.error ? [] : null
  const kinds = new Set(
    operations.data.operations
      .filter(each => subject.operation === null || each.operation === subject.operation)
      .flatMap(each => each.kinds),
  )
  return serving.some(kind => kinds.has(kind)) ? serving.filter(kind => kinds.has(kind)) : []
}
