import type { Edge } from '../../api/types'
import { duration, rate, serviceName, share } from '../../parts/format'
import { ServiceLink } from '../../parts/Service'
import { type Column, Table } from '../../parts/Table'
import { keyOf, p50Of, p99Of } from './graph'

const columns: Column<Edge>[] = [
  { name: 'Caller', of: edge => serviceName(edge.caller.service) },
  { name: 'Callee', of: edge => serviceName(edge.callee.service), isText: true },
  { name: 'Calls', of: edge => edge.rate },
  { name: 'Errors', of: edge => edge.errorShare },
  { name: 'p50', of: p50Of },
  { name: 'p99', of: p99Of },
  {
    name: 'Network',
    of: edge => edge.networkShare,
    title: "The caller's mean less the callee's, as a share: network, queueing, connecting",
  },
]

export function EdgeTable({ edges }: { edges: Edge[] }) {
  return (
    <Table columns={columns} rows={edges} first="Calls">
      {edge => (
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
          <td>{duration(p50Of(edge))}</td>
          <td>{duration(p99Of(edge))}</td>
          <td>{share(edge.networkShare)}</td>
        </tr>
      )}
    </Table>
  )
}
