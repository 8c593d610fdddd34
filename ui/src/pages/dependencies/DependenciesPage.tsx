import { useState } from 'react'
import { useSearchParams } from 'react-router'
import type { GraphAnswer } from '../../api/types'
import { serviceName } from '../../parts/format'
import { Heading } from '../../parts/Heading'
import { useRange } from '../../parts/range'
import { Answer, Panel } from '../../parts/State'
import { useApi } from '../../parts/useApi'
import { baseWindow } from '../service/baseWindow'
import { EdgeTable } from './EdgeTable'
import { Graph } from './Graph'
import { around, type Coloring } from './graph'

export function DependenciesPage() {
  const { range, window, change } = useRange()
  const [parameters] = useSearchParams()
  const [coloring, setColoring] = useState<Coloring>('errors')
  const graph = useApi<GraphAnswer>('graph', window)
  const base = useApi<GraphAnswer>('graph', baseWindow(range), coloring === 'latency')
  const focus = parameters.get('focus')
  const depth = Number(parameters.get('depth') ?? 1)
  const isTable = parameters.get('view') === 'table'
  return (
    <div className="page">
      <Heading title={focus ? `Dependencies of ${serviceName(focus)}` : 'Dependencies'} hidden />
      <Answer query={graph} empty={data => data.nodes.length === 0 && 'No services in this time.'}>
        {data => {
          const shown = around(data, focus, depth)
          return (
            <Panel
              title={focus ? `Around ${serviceName(focus)}` : 'Dependencies'}
              note={`${shown.nodes.length} services, ${shown.edges.length} edges${data.isComplete ? '' : ', only those of the most calls'}`}
              tools={
                <>
                  <select
                    aria-label="Service to focus on"
                    value={focus ?? ''}
                    onChange={event => change({ focus: event.target.value || null })}
                  >
                    <option value="">All services</option>
                    {[...data.nodes]
                      .sort((a, b) => a.service.localeCompare(b.service))
                      .map(node => (
                        <option key={node.service} value={node.service}>
                          {serviceName(node.service)}
                        </option>
                      ))}
                  </select>
                  {focus && (
                    <select
                      aria-label="How far from it"
                      value={depth}
                      onChange={event => change({ depth: event.target.value })}
                    >
                      {[1, 2, 3, 4].map(each => (
                        <option key={each} value={each}>
                          {each} {each === 1 ? 'call' : 'calls'} far
                        </option>
                      ))}
                    </select>
                  )}
                  <select
                    aria-label="What colours say"
                    value={coloring}
                    onChange={event => setColoring(event.target.value as Coloring)}
                  >
                    <option value="errors">Colour by errors</option>
                    <option value="latency">Colour by change of p99</option>
                  </select>
                  <button type="button" aria-pressed={!isTable} onClick={() => change({ view: null })}>
                    Graph
                  </button>
                  <button type="button" aria-pressed={isTable} onClick={() => change({ view: 'table' })}>
                    Table
                  </button>
                </>
              }
            >
              {isTable ? (
                <EdgeTable edges={shown.edges} />
              ) : (
                <Graph
                  graph={shown}
                  base={base.data ?? null}
                  coloring={coloring}
                  focus={focus}
                  onFocus={service => change({ focus: service })}
                />
              )}
            </Panel>
          )
        }}
      </Answer>
    </div>
  )
}
