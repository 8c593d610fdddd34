import { useState } from 'react'
import { Link } from 'react-router'
import type { Change, ChangesAnswer } from '../../api/types'
import { duration, serviceName, share } from '../../parts/format'
import { useLink } from '../../parts/range'
import { Dot } from '../../parts/Service'
import { tellingFigure } from './order'

const firstChanges = 6

export function Changes({ answer }: { answer: ChangesAnswer }) {
  const [isAll, setAll] = useState(false)
  const shown = isAll ? answer.changes : answer.changes.slice(0, firstChanges)
  return (
    <>
      <ul className="changes">
        {shown.map(change => (
          <li key={[change.level, change.service, change.operation, change.peer, change.side, change.aspect].join('|')}>
            <ChangeLine change={change} />
          </li>
        ))}
      </ul>
      {answer.found > shown.length && (
        <button type="button" onClick={() => setAll(true)} disabled={isAll}>
          {isAll ? `and ${answer.found - shown.length} more` : `Show all ${answer.found}`}
        </button>
      )}
    </>
  )
}

function ChangeLine({ change }: { change: Change }) {
  const link = useLink()
  const figure = tellingFigure(change)
  const format = change.aspect === 'errors' ? share : duration
  // of a call the side that measured it has the spans to look at
  const service = change.side === 'callee' && change.peer !== null ? change.peer : change.service
  const strength = change.sureEffect >= 0.8 ? 'large' : change.sureEffect >= 0.5 ? 'medium' : 'small'
  return (
    <Link data-row to={link('/service', { service, ...(change.operation ? { operation: change.operation } : {}) })}>
      <span className={`strength ${strength}`} title={`A ${strength} effect, ${change.sureEffect.toFixed(2)} at least`}>
        <i />
        <i />
        <i />
      </span>
      <span className="subject">
        <Dot service={change.service} />
        <b>{serviceName(change.service)}</b>
        {change.peer !== null && (
          <>
            {' → '}
            <b>{serviceName(change.peer)}</b>
          </>
        )}
        {change.operation && <span className="operation">{change.operation}</span>}
      </span>
      <span className="what">
        {change.aspect === 'errors' ? 'fails more' : change.aspect === 'tail' ? 'slowest got slower' : 'got slower'}
        {change.side && `, as the ${change.side} sees it`}
      </span>
      <span className="figure">
        {figure.name} {format(figure.before)} → <b>{format(figure.now)}</b>
      </span>
    </Link>
  )
}
