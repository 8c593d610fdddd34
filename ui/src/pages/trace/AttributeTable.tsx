import { Link } from 'react-router'
import { Key } from '../../parts/Key'
import { useLink } from '../../parts/range'
import { quote } from '../../parts/traceql'
import type { Attributes } from './read'

interface Props {
  name: string
  attributes: Attributes
  /** As the query language has a key; null when it cannot be searched for. */
  keyOf: ((key: string) => string) | null
}

const number = /^-?\d+(\.\d+)?$/

export function AttributeTable({ name, attributes, keyOf }: Props) {
  const link = useLink()
  if (attributes.length === 0) return null
  // a number may have been sent as one or as a text
  const conditionOf = (key: string, value: string) =>
    number.test(value)
      ? `(${key} = ${value} || ${key} = ${quote(value)})`
      : value === 'true' || value === 'false'
        ? `(${key} = ${value} || ${key} = ${quote(value)})`
        : `${key} = ${quote(value)}`
  return (
    <section>
      {name && <h3>{name}</h3>}
      <table className="attributes">
        <tbody>
          {attributes.map(([key, value]) => (
            <tr key={key + value}>
              <th scope="row">
                <Key text={key} />
              </th>
              <td>
                <span className="value">{value}</span>
                <span className="actions">
                  <button
                    type="button"
                    aria-label={`Copy ${key}`}
                    title="Copy"
                    onClick={() => void navigator.clipboard?.writeText(value)}
                  >
                    <Icon path="M5 5V1.5h8.5V10H10M1.5 5H10v8.5H1.5z" />
                  </button>
                  {keyOf && (
                    <Link
                      to={link('/search', { q: `{ ${conditionOf(keyOf(key), value)} }` })}
                      aria-label={`Find others with ${key} = ${value}`}
                      title="Find others with this"
                    >
                      <Icon path="M9.5 9.5 14 14M6 1.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9z" />
                    </Link>
                  )}
                </span>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  )
}

/** Drawn, as few fonts have signs for it. */
function Icon({ path }: { path: string }) {
  return (
    <svg
      width="13"
      height="13"
      viewBox="0 0 15 15"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.4"
      aria-hidden="true"
    >
      <path d={path} />
    </svg>
  )
}
