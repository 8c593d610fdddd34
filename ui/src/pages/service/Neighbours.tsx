import type { Edge, EdgesAnswer } from '../../api/types'
import { count, duration, rate, serviceName, share } from '../../parts/format'
import { useRange } from '../../parts/range'
import { ServiceLink } from '../../parts/Service'
import { Answer, Panel } from '../../parts/State'
import { type Column, Table } from '../../parts/Table'
import { useApi } from '../../parts/useApi'
import { p50Of, p99Of } from '../dependencies/graph'

/** Who calls a service, and whom it calls. */
export function Neighbours({ service }: { service: string }) {
  const { window } = useRange()
  const edges = useApi<EdgesAnswer>('edges', { service, ...window, limit: 500 })
  return (
    <div className="grid neighbours">
      <Panel title="Callers">
        <Answer
          query={edges}
          empty={data => !data.edges.some(edge => edge.callee.service === service) && 'Nobody calls it.'}
        >
          {data => <EdgeTable edges={data.edges.filter(edge => edge.callee.service === service)} end="caller" />}
        </Answer>
      </Panel>
      <Panel title="Callees">
        <Answer
          query={edges}
          empty={data => !data.edges.some(edge => edge.caller.service === service) && 'It calls nobody.'}
        >
          {data => <EdgeTable edges={data.edges.filter(edge => edge.caller.service === service)} end="callee" />}
        </Answer>
      </Panel>
    </div>
  )
}

function EdgeTable({ edges, end }: { edges: Edge[]; end: 'caller' | 'callee' }) {
  const columns: Column<Edge>[] = [
    { name: 'Service', of: edge => serviceName(edge[end].service) },
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
  return (
    <Table columns={columns} rows={edges} first="Calls">
      {edge => (
        <tr key={`${edge[end].service}|${edge.kind}`}>
          <th scope="row">
            <ServiceLink service={edge[end].service} />
            {edge.kind === 'message' && <span className="badge">message</span>}
          </th>
          <td title={`${count(edge.calls)} calls`}>{rate(edge.rate)}</td>
          <td className={(edge.errorShare ?? 0) > 0.01 ? 'alarming' : ''}>{share(edge.errorShare)}</td>
          <td>{duration(p50Of(edge))}</td>
          <td>{duration(p99Of(edge))}</td>
          <td>{share(edge.networkShare)}</td>
        </tr>
      )}
    </Table>
  )
}
