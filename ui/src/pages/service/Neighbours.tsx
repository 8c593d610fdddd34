import type { Edge, EdgesAnswer } from '../../api/types'
import { count, duration, rate, share } from '../../parts/format'
import { useRange } from '../../parts/range'
import { ServiceLink } from '../../parts/Service'
import { Answer, Panel } from '../../parts/State'
import { useApi } from '../../parts/useApi'

/** Who calls a service, and whom it calls. */
export function Neighbours({ service }: { service: string }) {
  const { window } = useRange()
  const edges = useApi<EdgesAnswer>('edges', { service, ...window, limit: 500 })
  return (
    <div className="grid">
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
  return (
    <div className="scroll">
      <table className="figures">
        <thead>
          <tr>
            <th scope="col">Service</th>
            <th scope="col">Calls</th>
            <th scope="col">Errors</th>
            <th scope="col">p50</th>
            <th scope="col">p99</th>
            <th scope="col" title="The caller's mean less the callee's, as a share: network, queueing, connecting">
              Network
            </th>
          </tr>
        </thead>
        <tbody>
          {edges.map(edge => {
            const side = edge.callerSide.count > 0 ? edge.callerSide : edge.calleeSide
            return (
              <tr key={`${edge[end].service}|${edge.kind}`}>
                <th scope="row">
                  <ServiceLink service={edge[end].service} />
                  {edge.kind === 'message' && <span className="badge">message</span>}
                </th>
                <td title={`${count(edge.calls)} calls`}>{rate(edge.rate)}</td>
                <td className={(edge.errorShare ?? 0) > 0.01 ? 'alarming' : ''}>{share(edge.errorShare)}</td>
                <td>{duration(side.p50)}</td>
                <td>{duration(side.p99)}</td>
                <td>{share(edge.networkShare)}</td>
              </tr>
            )
          })}
        </tbody>
      </table>
    </div>
  )
}
