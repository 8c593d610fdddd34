import type { UseQueryResult } from '@tanstack/react-query'
import { useState } from 'react'
import type { OperationsAnswer, SummaryItem } from '../../api/types'
import { Delta } from '../../parts/Delta'
import { duration, rate, share } from '../../parts/format'
import { ServiceLink } from '../../parts/Service'
import { Answer, Panel } from '../../parts/State'

const firstRows = 20
const nanosAt = (item: SummaryItem, q: number) => item.current.quantiles.find(each => each.q === q)?.nanos ?? null

const columns: [string, (item: SummaryItem) => number][] = [
  ['Rate', item => item.current.rate],
  ['Errors', item => item.current.errorShare ?? 0],
  ['p50', item => nanosAt(item, 0.5) ?? 0],
  ['p95', item => nanosAt(item, 0.95) ?? 0],
  ['p99', item => nanosAt(item, 0.99) ?? 0],
]

export function Operations({ query }: { query: UseQueryResult<OperationsAnswer> }) {
  const [order, setOrder] = useState('Rate')
  const [isAll, setAll] = useState(false)
  const value = columns.find(([name]) => name === order)?.[1] ?? (item => item.current.rate)
  return (
    <Panel title="Operations" note="compared with the base period">
      <Answer query={query} empty={data => data.operations.length === 0 && 'No operations in this time.'}>
        {data => {
          const sorted = [...data.operations].sort((a, b) => value(b) - value(a))
          return (
            <div className="scroll">
              <table className="figures">
                <thead>
                  <tr>
                    <th scope="col">Operation</th>
                    {columns.map(([name]) => (
                      <th key={name} scope="col" aria-sort={order === name ? 'descending' : 'none'}>
                        <button type="button" onClick={() => setOrder(name)}>
                          {name} {order === name && '↓'}
                        </button>
                      </th>
                    ))}
                  </tr>
                </thead>
                <tbody>
                  {sorted.slice(0, isAll ? undefined : firstRows).map(item => (
                    <Row key={item.operation} item={item} />
                  ))}
                </tbody>
              </table>
              {!isAll && sorted.length > firstRows && (
                <button type="button" onClick={() => setAll(true)}>
                  Show all {sorted.length}
                </button>
              )}
            </div>
          )
        }}
      </Answer>
    </Panel>
  )
}

function Row({ item }: { item: SummaryItem }) {
  return (
    <tr>
      <th scope="row">
        <ServiceLink service={item.service} operation={item.operation} />
        {item.kinds.map(kind => (
          <span key={kind} className="badge">
            {kind}
          </span>
        ))}
      </th>
      <td>
        {rate(item.current.rate)} <Delta ratio={item.ratio?.rate} neutral />
      </td>
      <td className={(item.current.errorShare ?? 0) > 0.01 ? 'alarming' : ''}>{share(item.current.errorShare)}</td>
      <td>
        {duration(nanosAt(item, 0.5))} <Delta ratio={item.ratio?.p50} />
      </td>
      <td>
        {duration(nanosAt(item, 0.95))} <Delta ratio={item.ratio?.p95} />
      </td>
      <td>
        {duration(nanosAt(item, 0.99))} <Delta ratio={item.ratio?.p99} />
      </td>
    </tr>
  )
}
