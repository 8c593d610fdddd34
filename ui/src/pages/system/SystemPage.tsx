import type { FacetsAnswer, SystemAnswer } from '../../api/types'
import { ago, bytes, count, instant } from '../../parts/format'
import { Answer, Figures, Panel, Scroll } from '../../parts/State'
import { useApi } from '../../parts/useApi'
import { Files } from './Files'
import { Clients, Kept, Strategies } from './Sampling'
import { Settings } from './Settings'

export function SystemPage() {
  const system = useApi<SystemAnswer>('system')
  return (
    <div className="page">
      <h1 className="hidden">Sampling and system</h1>
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

function Intake({ data }: { data: SystemAnswer }) {
  const received = data.intake.reduce((sum, each) => sum + each.spans, 0)
  return (
    <Panel title="Intake" note={`since ${instant(data.startedUnixSeconds)}`}>
      <Scroll>
        <Figures columns={['Transport', 'Requests', 'refused', 'Spans', 'dropped', 'Bytes']}>
          {data.intake.map(each => (
            <tr key={each.transport}>
              <th scope="row">{each.transport}</th>
              <td>{count(each.messages)}</td>
              <td className={each.messagesDropped > 0 ? 'alarming' : ''}>{count(each.messagesDropped)}</td>
              <td>{count(each.spans)}</td>
              <td className={each.spansDropped > 0 ? 'alarming' : ''}>{count(each.spansDropped)}</td>
              <td>{bytes(each.bytes)}</td>
            </tr>
          ))}
        </Figures>
      </Scroll>
      {received === 0 && <p className="note">No span has come since the start.</p>}
    </Panel>
  )
}

function Metrics({ data }: { data: SystemAnswer }) {
  return (
    <Panel title="Metrics of clients" note="data points: durations counted before any sampling">
      <Scroll>
        <Figures columns={['Transport', 'Received', 'Counted', 'Ignored', 'Rejected', 'Failed']}>
          {data.metrics.map(each => (
            <tr key={each.transport}>
              <th scope="row">{each.transport}</th>
              <td>{count(each.received)}</td>
              <td>{count(each.counted)}</td>
              <td>{count(each.ignored)}</td>
              <td className={each.rejected > 0 ? 'alarming' : ''}>{count(each.rejected)}</td>
              <td className={each.failed > 0 ? 'alarming' : ''}>{count(each.failed)}</td>
            </tr>
          ))}
        </Figures>
      </Scroll>
    </Panel>
  )
}
