import { useMemo, useState } from 'react'
import type { ChangesAnswer, ServicesAnswer } from '../../api/types'
import { count, rate, share } from '../../parts/format'
import { useRowKeys } from '../../parts/Keys'
import { BaseChoice } from '../../parts/RangePicker'
import { useRange } from '../../parts/range'
import { Answer, Figures, Panel } from '../../parts/State'
import { useApi } from '../../parts/useApi'
import { Changes } from './Changes'
import { bySignificance } from './order'
import { ServiceRow } from './ServiceRow'

/** Rows before a person asks for more; each reads its own trend. */
const firstRows = 40

export function HealthPage() {
  const { range, window } = useRange()
  const parameters = { ...window, base: range.base }
  const services = useApi<ServicesAnswer>('services', parameters)
  const changes = useApi<ChangesAnswer>('changes', { ...parameters, limit: 200 })
  useRowKeys()
  return (
    <div className="page health">
      <h1 className="hidden">Health of all services</h1>
      <Answer query={services} empty={data => data.services.length === 0 && <NoSpans />}>
        {data => (
          <>
            <Totals services={data} changes={changes.data} />
            <Panel
              title="What got worse"
              note={changes.data && changes.data.comparisons > 0 && noteOf(changes.data)}
              tools={<BaseChoice />}
            >
              <Answer query={changes} empty={all => all.changes.length === 0 && <NothingWorse answer={all} />}>
                {all => <Changes answer={all} known={new Set(data.services.map(item => item.service))} />}
              </Answer>
            </Panel>
            <ServiceTable data={data} changes={changes.data} />
          </>
        )}
      </Answer>
    </div>
  )
}

const noteOf = (answer: ChangesAnswer) =>
  `more than chance explains, by ${answer.comparisons} comparisons; click one to see its latencies`

/** Right after the start there is no hour before this one, but there may be minutes. */
function NothingWorse({ answer }: { answer: ChangesAnswer }) {
  const { range, change } = useRange()
  if (answer.comparisons > 0) return 'Nothing got worse than chance explains.'
  return (
    <div>
      <p>Nothing to compare with: there are too few spans of the other period.</p>
      {range.last !== '5m' && (
        <button type="button" onClick={() => change({ last: '5m', from: null, to: null, base: null })}>
          Compare the last 5 minutes with those before
        </button>
      )}
    </div>
  )
}

function NoSpans() {
  return (
    <div>
      <p>
        <strong>No spans in this time.</strong>
      </p>
      <p>
        Send some: set <code>OTEL_EXPORTER_OTLP_ENDPOINT=http://{location.hostname}:4318</code> in a service that uses
        OpenTelemetry, or let a Zipkin reporter send to <code>{location.origin}/api/v2/spans</code>. Or choose a longer
        time at the top.
      </p>
    </div>
  )
}

function Totals({ services, changes }: { services: ServicesAnswer; changes: ChangesAnswer | undefined }) {
  const all = services.services.map(item => item.current)
  const total = (pick: (summary: (typeof all)[number]) => number) => all.reduce((sum, each) => sum + pick(each), 0)
  const [spans, errors] = [total(each => each.count), total(each => each.errors)]
  const worse = new Set(changes?.changes.map(change => change.service)).size
  return (
    <dl className="totals">
      <Figure name="Services" value={count(services.services.filter(item => item.current.count > 0).length)} />
      <Figure name="Requests" value={rate(total(each => each.rate))} />
      <Figure name="Errors" value={share(spans > 0 ? errors / spans : null)} alarming={errors > spans * 0.01} />
      <Figure name="Services that got worse" value={changes ? String(worse) : '…'} alarming={worse > 0} />
    </dl>
  )
}

function Figure({ name, value, alarming }: { name: string; value: string; alarming?: boolean }) {
  return (
    <div className={alarming ? 'alarming' : ''}>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  )
}

function ServiceTable({ data, changes }: { data: ServicesAnswer; changes: ChangesAnswer | undefined }) {
  const [filter, setFilter] = useState('')
  const [isAll, setAll] = useState(false)
  const ordered = useMemo(() => bySignificance(data.services, changes?.changes ?? []), [data, changes])
  const fitting = ordered.filter(each => each.item.service.toLowerCase().includes(filter.toLowerCase()))
  const shown = isAll ? fitting : fitting.slice(0, firstRows)
  return (
    <Panel
      title="Services"
      note="those that changed most come first; draw across a trend to look closer"
      tools={
        <input
          type="search"
          placeholder="Filter"
          aria-label="Filter services"
          value={filter}
          onChange={event => setFilter(event.target.value)}
        />
      }
    >
      <div className="scroll">
        <Figures columns={['Service', 'Rate', 'Errors', 'p50', 'p95', 'p99', 'Trend of rate', 'Trend of p95']}>
          {shown.map(each => (
            <ServiceRow key={each.item.service} item={each.item} change={each.change} />
          ))}
        </Figures>
      </div>
      {fitting.length > shown.length && (
        <button type="button" onClick={() => setAll(true)}>
          Show all {fitting.length}
        </button>
      )}
      {fitting.length === 0 && <p className="state">No service has “{filter}” in its name.</p>}
    </Panel>
  )
}
