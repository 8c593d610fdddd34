import { useMemo, useState } from 'react'
import type { ChangesAnswer, ServicesAnswer } from '../../api/types'
import { count, rate, serviceName, share } from '../../parts/format'
import { Heading } from '../../parts/Heading'
import { useRowKeys } from '../../parts/Keys'
import { BaseChoice } from '../../parts/RangePicker'
import { useRange } from '../../parts/range'
import { Answer, Panel } from '../../parts/State'
import { type Column, Table } from '../../parts/Table'
import { useApi } from '../../parts/useApi'
import { Changes } from './Changes'
import { NoSpans } from './NoSpans'
import { bySignificance, nanosAt, type RankedService } from './order'
import { ServiceRow } from './ServiceRow'

/** Rows before a person asks for more; each reads its own trend. */
const firstRows = 40

const columns: Column<RankedService>[] = [
  { name: 'Service', of: each => serviceName(each.item.service) },
  { name: 'Rate', of: each => each.item.current.rate },
  { name: 'Errors', of: each => each.item.current.errorShare },
  { name: 'p50', of: each => nanosAt(each.item, 0.5) },
  { name: 'p95', of: each => nanosAt(each.item, 0.95) },
  { name: 'p99', of: each => nanosAt(each.item, 0.99) },
  { name: 'Trend of rate', of: each => each.item.ratio?.rate, title: 'Ordered by the change against the base period' },
  { name: 'Trend of p95', of: each => each.item.ratio?.p95, title: 'Ordered by the change against the base period' },
]

export function HealthPage() {
  const { range, window } = useRange()
  const parameters = { ...window, base: range.base }
  const services = useApi<ServicesAnswer>('services', parameters)
  const changes = useApi<ChangesAnswer>('changes', { ...parameters, limit: 200 })
  useRowKeys()
  return (
    <div className="page health">
      <Heading title="Health" hidden>
        Health of all services
      </Heading>
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
  const ordered = useMemo(() => bySignificance(data.services, changes?.changes ?? []), [data, changes])
  const fitting = ordered.filter(each => each.item.service.toLowerCase().includes(filter.toLowerCase()))
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
      <Table columns={columns} rows={fitting} most={firstRows}>
        {each => <ServiceRow key={each.item.service} item={each.item} change={each.change} />}
      </Table>
      {fitting.length === 0 && <p className="state">No service has “{filter}” in its name.</p>}
    </Panel>
  )
}
