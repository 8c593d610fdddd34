import type { SystemAnswer } from '../../api/types'
import { count, serviceName, share, some, timeSpan } from '../../parts/format'
import { ServiceLink } from '../../parts/Service'
import { Empty, Panel } from '../../parts/State'
import { type Column, Table } from '../../parts/Table'

/** What this server keeps, and for how long. */
export function Kept({ data }: { data: SystemAnswer }) {
  const setting = (key: string) => data.settings.find(each => each.key === `Tracing:${key}`)?.value ?? ''
  const [rate, baseline] = [Number(setting('Collector:SampleRate')), Number(setting('Storage:BaselineRate'))]
  return (
    <Panel title="What is kept">
      <table>
        <tbody>
          <tr>
            <th scope="row">On arrival</th>
            <td>{rate === 1 ? 'every trace' : `${share(rate)} of traces, by trace id; debug traces always`}</td>
          </tr>
          <tr>
            <th scope="row">After {timeSpan(setting('Storage:HotWindow'))}</th>
            <td>
              {baseline === 1
                ? 'every trace'
                : `traces that failed, are slow, rare or examples of a latency; ${share(baseline)} of all others`}
            </td>
          </tr>
          <tr>
            <th scope="row">Spans</th>
            <td>for {timeSpan(setting('Storage:Retention'))}</td>
          </tr>
          <tr>
            <th scope="row">Latencies</th>
            <td>
              by the minute as long as spans, by the hour for {timeSpan(setting('Storage:HoursRetention'))}, by the day
              for {timeSpan(setting('Storage:DaysRetention'))}; of all spans, sampled or not
            </td>
          </tr>
        </tbody>
      </table>
    </Panel>
  )
}

const ofStrategies: Column<SystemAnswer['sampling'][number]>[] = [
  { name: 'Service', of: each => serviceName(each.service) },
  { name: 'Traces', of: each => each.maxTracesPerSecond ?? each.probability },
  { name: 'Operations of their own', of: each => Object.keys(each.operations).length },
]

/** What clients that ask are told to record. */
export function Strategies({ data }: { data: SystemAnswer }) {
  const setting = (key: string) => data.settings.find(each => each.key === `Tracing:Sampling:${key}`)?.value ?? ''
  const budget = Number(setting('TracesPerSecond'))
  const source = setting('StrategiesFile') || (budget > 0 ? `a budget of ${budget} traces a second` : 'the default')
  return (
    <Panel title="What clients are told to sample" note={`by ${source}`}>
      {data.sampling.length === 0 ? (
        <Empty>No service is known yet.</Empty>
      ) : (
        <Table columns={ofStrategies} rows={data.sampling}>
          {each => (
            <tr key={each.service}>
              <th scope="row">
                <ServiceLink service={each.service} />
              </th>
              <td>
                {each.maxTracesPerSecond === null
                  ? share(each.probability)
                  : `${some(each.maxTracesPerSecond, 'trace')} a second`}
              </td>
              <td>
                <Operations of={each.operations} />
              </td>
            </tr>
          )}
        </Table>
      )}
    </Panel>
  )
}

function Operations({ of }: { of: Record<string, number> }) {
  const all = Object.entries(of).sort((a, b) => b[1] - a[1])
  if (all.length === 0) return <span className="note">none</span>
  return (
    <details>
      <summary>{count(all.length)}</summary>
      {all.map(([operation, probability]) => (
        <div key={operation}>
          {operation} <span className="note">{share(probability)}</span>
        </div>
      ))}
    </details>
  )
}

type Client = SystemAnswer['clients'][number]

const waiting = (client: Client) => Math.max(0, client.ended - client.sent - client.dropped)

const ofClients: Column<Client>[] = [
  { name: 'Service', of: each => serviceName(each.service) },
  { name: 'Ended', of: each => each.ended },
  { name: 'Sent', of: each => each.sent },
  { name: 'Lost', of: each => each.dropped },
  { name: 'Waiting', of: waiting },
]

/** What the clients' own counters say: a loss there is seen nowhere else. */
export function Clients({ data }: { data: SystemAnswer }) {
  return (
    <Panel title="Spans as clients count them" note="since the start of this process">
      {data.clients.length === 0 ? (
        <Empty>No client reports what became of its spans. Tracing.Instrumentation does.</Empty>
      ) : (
        <Table columns={ofClients} rows={data.clients}>
          {each => (
            <tr key={each.service}>
              <th scope="row">
                <ServiceLink service={each.service} />
              </th>
              <td>{count(each.ended)}</td>
              <td>{count(each.sent)}</td>
              <td className={each.dropped > 0 ? 'alarming' : ''}>
                {count(each.dropped)}
                {each.dropped > 0 && <span className="note"> {share(each.dropped / each.ended)}</span>}
              </td>
              <td>{count(waiting(each))}</td>
            </tr>
          )}
        </Table>
      )}
    </Panel>
  )
}
