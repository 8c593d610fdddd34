import { useState } from 'react'
import { Link } from 'react-router'
import type { ChangesAnswer } from '../../api/types'
import { duration, serviceName, share } from '../../parts/format'
import { useLink } from '../../parts/range'
import { Dot } from '../../parts/Service'
import { type Folded, foldedByService, largeEffect, subjectOf, tellingFigure } from './order'

const firstChanges = 6

export function Changes({ answer, known }: { answer: ChangesAnswer; known: ReadonlySet<string> }) {
  const [isAll, setAll] = useState(false)
  const folded = foldedByService(answer.changes, known)
  const origins = new Set(folded.filter(each => each.isOrigin).map(each => each.change))
  const shown: Folded[] = isAll
    ? answer.changes.map(change => ({
        service: subjectOf(change, known),
        change,
        isOrigin: origins.has(change),
      }))
    : folded.slice(0, firstChanges)
  return (
    <>
      <ul className="changes">
        {shown.map(({ service, change, isOrigin }) => (
          <li key={[change.level, change.service, change.operation, change.peer, change.side, change.aspect].join('|')}>
            <ChangeLine service={service} change={change} isOrigin={isOrigin} />
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

function ChangeLine({ service, change, isOrigin }: Folded) {
  const link = useLink()
  const figure = tellingFigure(change)
  const format = change.aspect === 'errors' ? share : duration
  const strength = change.sureEffect >= largeEffect ? 'large' : change.sureEffect >= 0.5 ? 'medium' : 'small'
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
        {isOrigin && (
          <span className="badge worse" title="What it calls does not explain it, and nothing else grew as much">
            begins here?
          </span>
        )}
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
