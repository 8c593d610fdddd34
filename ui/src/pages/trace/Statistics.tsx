import { useMemo, useState } from 'react'
import { count, duration, share } from '../../parts/format'
import { ServiceLink } from '../../parts/Service'
import { Panel } from '../../parts/State'
import { type Group, groupsOf } from './groups'
import type { Analysis } from './TraceView'

const columns: [string, (group: Group) => number, (value: number) => string][] = [
  ['Spans', group => group.count, count],
  ['Failed', group => group.errors, count],
  ['Total', group => group.total, duration],
  ['Mean', group => group.total / group.count, duration],
  ['Longest', group => group.longest, duration],
  ['Self', group => group.self, duration],
  ['Critical path', group => group.critical, duration],
]

/** Rows that a person looks through. */
const mostRows = 200

export function Statistics({ analysis }: { analysis: Analysis }) {
  const [by, setBy] = useState<'service' | 'operation'>('service')
  const [order, setOrder] = useState('Self')
  const groups = useMemo(() => groupsOf(analysis, by), [analysis, by])
  const value = columns.find(([name]) => name === order)?.[1] ?? (group => group.self)
  const sorted = [...groups].sort((a, b) => value(b) - value(a))
  const whole = analysis.critical.reduce((sum, each) => sum + each, 0)
  return (
    <Panel
      title="Statistics"
      note={sorted.length > mostRows && `the first ${mostRows} of ${sorted.length}`}
      tools={(['service', 'operation'] as const).map(each => (
        <button key={each} type="button" aria-pressed={by === each} onClick={() => setBy(each)}>
          By {each}
        </button>
      ))}
    >
      <div className="scroll">
        <table className="figures">
          <thead>
            <tr>
              <th scope="col">{by === 'service' ? 'Service' : 'Operation'}</th>
              {columns.map(([name]) => (
                <th key={name} scope="col" aria-sort={order === name ? 'descending' : 'none'}>
                  <button type="button" onClick={() => setOrder(name)}>
                    {name} {order === name && '↓'}
                  </button>
                </th>
              ))}
              <th scope="col">Share of path</th>
            </tr>
          </thead>
          <tbody>
            {sorted.slice(0, mostRows).map(group => (
              <tr key={`${group.service}|${group.name}`}>
                <th scope="row">
                  <ServiceLink service={group.service} />
                  {group.name !== null && <span className="operation"> {group.name}</span>}
                </th>
                {columns.map(([name, of, format]) => (
                  <td key={name} className={name === 'Failed' && group.errors > 0 ? 'alarming' : ''}>
                    {format(of(group))}
                  </td>
                ))}
                <td>{share(whole > 0 ? group.critical / whole : null)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Panel>
  )
}
