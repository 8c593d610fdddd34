import type { OperationsAnswer, SummaryItem } from '../../api/types'
import { Delta } from '../../parts/Delta'
import { duration, rate, share } from '../../parts/format'
import { ServiceLink } from '../../parts/Service'
import { Answer, Panel } from '../../parts/State'
import { type Column, Table } from '../../parts/Table'
import type { Asked } from '../../parts/useApi'
import { nanosAt } from '../health/order'

const columns: Column<SummaryItem>[] = [
  { name: 'Operation', of: item => item.operation },
  { name: 'Rate', of: item => item.current.rate },
  { name: 'Errors', of: item => item.current.errorShare },
  { name: 'p50', of: item => nanosAt(item, 0.5) },
  { name: 'p95', of: item => nanosAt(item, 0.95) },
  { name: 'p99', of: item => nanosAt(item, 0.99) },
]

export function Operations({ query }: { query: Asked<OperationsAnswer> }) {
  return (
    <Panel title="Operations" note="compared with the base period">
      <Answer query={query} empty={data => data.operations.length === 0 && 'No operations in this time.'}>
        {data => (
          <Table columns={columns} rows={data.operations} first="Rate" most={20}>
            {item => <Row key={item.operation} item={item} />}
          </Table>
        )}
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
