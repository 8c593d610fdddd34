import type { FacetsAnswer, SystemAnswer } from '../../api/types'
import { ago, bytes, count, instant } from '../../parts/format'
import { Heading } from '../../parts/Heading'
import { Answer, Panel } from '../../parts/State'
import { type Column, Table } from '../../parts/Table'
import { useApi } from '../../parts/useApi'
import { Files } from './Files'
import { Clients, Kept, Strategies } from './Sampling'
import { Settings } from './Settings'

export function SystemPage() {
  const system = useApi<SystemAnswer>('system')
  return (
    <div className="page">
      <Heading title="System" hidden>
        Sampling and system
      </Heading>
      <Answer query={system}>
        {data => (
          <>
            <Stored data={data} />
            <div className="grid two">
              <Kept data={data} />
              <Strategies data={data} />
              <Intake data={data} />
              <Clients data={data} />
              <Files files={data.store.files} />
              <Metrics data={data} />
            </div>
            <Settings settings={data.settings} />
          </>
        )}
      </Answer>
    </div>
  )
}

function Stored({ data }: { data: SystemAnswer }) {
  // all that is kept: any window is longer than that
  const facets = useApi<FacetsAnswer>('facets', { start: 0, keys: 'status', limit: 1 })
  const spans = facets.data?.spans
  return (
    <dl className="totals">
      <Figure name="Spans stored" value={spans === undefined ? '…' : count(spans)} />
      <Figure name="Traces" value={facets.data ? count(facets.data.traces) : '…'} />
      <Figure name="Size on disk" value={bytes(data.store.bytes)} />
      <Figure name="Bytes a span" value={spans ? (data.store.bytes / spans).toFixed(0) : '…'} />
      <Figure
        name="Running"
        value={ago(data.startedUnixSeconds).replace(' ago', '')}
        note={`version ${data.version}`}
      />
    </dl>
  )
}

function Figure({ name, value, note }: { name: string; value: string; note?: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
      {note && <dd className="note small">{note}</dd>}
    </div>
  )
}

const ofIntake: Column<SystemAnswer['intake'][number]>[] = [
  { name: 'Transport', of: each => each.transport },
  { name: 'Requests', of: each => each.messages },
  { name: 'refused', of: each => each.messagesDropped },
  { name: 'Spans', of: each => each.spans },
  { name: 'dropped', of: each => each.spansDropped },
  { name: 'Bytes', of: each => each.bytes },
]

function Intake({ data }: { data: SystemAnswer }) {
  const received = data.intake.reduce((sum, each) => sum + each.spans, 0)
  return (
    <Panel title="Intake" note={`since ${instant(data.startedUnixSeconds)}`}>
      <Table columns={ofIntake} rows={data.intake}>
        {each => (
          <tr key={each.transport}>
            <th scope="row">{each.transport}</th>
            <td>{count(each.messages)}</td>
            <td className={each.messagesDropped > 0 ? 'alarming' : ''}>{count(each.messagesDropped)}</td>
            <td>{count(each.spans)}</td>
            <td className={each.spansDropped > 0 ? 'alarming' : ''}>{count(each.spansDropped)}</td>
            <td>{bytes(each.bytes)}</td>
          </tr>
        )}
      </Table>
      {received === 0 && <p className="note">No span has come since the start.</p>}
    </Panel>
  )
}

const ofMetrics: Column<SystemAnswer['metrics'][number]>[] = [
  { name: 'Transport', of: each => each.transport },
  { name: 'Received', of: each => each.received },
  { name: 'Counted', of: each => each.counted },
  { name: 'Ignored', of: each => each.ignored },
  { name: 'Rejected', of: each => each.rejected },
  { name: 'Failed', of: each => each.failed },
]

function Metrics({ data }: { data: SystemAnswer }) {
  return (
    <Panel title="Metrics of clients" note="data points: durations counted before any sampling">
      <Table columns={ofMetrics} rows={data.metrics}>
        {each => (
          <tr key={each.transport}>
            <th scope="row">{each.transport}</th>
            <td>{count(each.received)}</td>
            <td>{count(each.counted)}</td>
            <td>{count(each.ignored)}</td>
            <td className={each.rejected > 0 ? 'alarming' : ''}>{count(each.rejected)}</td>
            <td className={each.failed > 0 ? 'alarming' : ''}>{count(each.failed)}</td>
          </tr>
        )}
      </Table>
    </Panel>
  )
}
