import { useMemo, useState } from 'react'
import { count, duration, serviceName, share } from '../../parts/format'
import { ServiceLink } from '../../parts/Service'
import { Panel } from '../../parts/State'
import { type Column, Table } from '../../parts/Table'
import { type Group, groupsOf } from './groups'
import type { Analysis } from './TraceView'

const figures: [string, (group: Group) => number, (value: number) => string][] = [
  ['Spans', group => group.count, count],
  ['Failed', group => group.errors, count],
  ['Total', group => group.total, duration],
  ['Mean', group => group.total / group.count, duration],
  ['Longest', group => group.longest, duration],
  ['Self', group => group.self, duration],
  ['Critical path', group => group.critical, duration],
]

/** Rows that are drawn at first. */
const mostRows = 200

export function Statistics({ analysis }: { analysis: Analysis }) {
  const [by, setBy] = useState<'service' | 'operation'>('service')
  const groups = useMemo(() => groupsOf(analysis, by), [analysis, by])
  const whole = analysis.critical.reduce((sum, each) => sum + each, 0)
  const columns: Column<Group>[] = [
    {
      name: by === 'service' ? 'Service' : 'Operation',
      of: group => `${serviceName(group.service)} ${group.name ?? ''}`,
    },
    ...figures.map(([name, of]) => ({ name, of })),
    { name: 'Share of path', of: group => group.critical },
  ]
  return (
    <Panel
      title="Statistics"
      tools={(['service', 'operation'] as const).map(each => (
        <button key={each} type="button" aria-pressed={by === each} onClick={() => setBy(each)}>
          By {each}
        </button>
      ))}
    >
      <Table key={by} columns={columns} rows={groups} first="Self" most={mostRows}>
        {group => (
          <tr key={`${group.service}|${group.name}`}>
            <th scope="row">
              <ServiceLink service={group.service} />
              {group.name !== null && <span className="operation"> {group.name}</span>}
            </th>
            {figures.map(([name, of, format]) => (
              <td key={name} className={name === 'Failed' && group.errors > 0 ? 'alarming' : ''}>
                {format(of(group))}
              </td>
            ))}
            <td>{share(whole > 0 ? group.critical / whole : null)}</td>
          </tr>
        )}
      </Table>
    </Panel>
  )
}
