import { useState } from 'react'
import type { Edge } from '../../api/types'
import { duration, rate, share } from '../../parts/format'
import { ServiceLink } from '../../parts/Service'
import { keyOf, p99Of } from './graph'

const columns: [string, (edge: Edge) => number][] = [
  ['Calls', edge => edge.rate],
  ['Errors', edge => edge.errorShare ?? 0],
  ['p50', edge => (edge.callerSide.count > 0 ? edge.callerSide : edge.calleeSide).p50 ?? 0],
  ['p99', edge => p99Of(edge) ?? 0],
  ['Network', edge => edge.networkShare ?? 0],
]

export function EdgeTable({ edges }: { edges: Edge[] }) {
  const [order, setOrder] = useState('Calls')
  const value = columns.find(([name]) => name === order)?.[1] ?? (edge => edge.rate)
  const sorted = [...edges].sort((a, b) => value(b) - value(a))
  return (
    <div className="scroll">
      <table className="figures">
        <thead>
          <tr>
            <th scope="col">Caller</th>
            <th scope="col" className="text">
              Callee
            </th>
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
          {sorted.map(edge => (
            <tr key={keyOf(edge)}>
              <th scope="row">
                <ServiceLink service={edge.caller.service} />
              </th>
              <td className="text">
                <ServiceLink service={edge.callee.service} />
                {edge.kind === 'message' && <span className="badge">message</span>}
              </td>
              <td>{rate(edge.rate)}</td>
              <td className={(edge.errorShare ?? 0) > 0.01 ? 'alarming' : ''}>{share(edge.errorShare)}</td>
              <td>{duration(columns[2]?.[1](edge))}</td>
              <td>{duration(p99Of(edge))}</td>
              <td>{share(edge.networkShare)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
