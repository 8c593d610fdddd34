import type { KeysAnswer, ValuesAnswer } from '../../api/types'
import { count } from '../../parts/format'
import { useRange } from '../../parts/range'
import { attribute, quote } from '../../parts/traceql'
import { useApi } from '../../parts/useApi'
import { fields, fixedValues, listedKey, operators, type Place } from './suggest'

export interface Suggestion {
  /** What is written in the place of what was typed. */
  insert: string
  note: string
}

const most = 12
const bare = new Set(['int', 'double', 'bool', 'status', 'kind'])

/** What may come at a place, from the spans of the time that is looked at. */
export function useSuggestions(place: Place | null): Suggestion[] {
  const { window } = useRange()
  const keys = useApi<KeysAnswer>('keys', { ...window, limit: 300 }, place?.what === 'key')
  const listed = place?.what === 'value' ? listedKey(place.key) : null
  const values = useApi<ValuesAnswer>(
    `keys/${encodeURIComponent(listed?.key ?? '-')}/values`,
    { ...window, scope: listed?.scope, prefix: place?.what === 'value' ? place.text : '', limit: most },
    listed !== null,
  )
  if (!place) return []
  const fitting = (texts: string[]) => texts.filter(text => text.toLowerCase().includes(place.text.toLowerCase()))
  switch (place.what) {
    case 'operator':
      return fitting(operators).map(insert => ({ insert: `${insert} `, note: '' }))
    case 'join':
      return [
        { insert: '&& ', note: 'and' },
        { insert: '|| ', note: 'or' },
      ]
    case 'value':
      return listed
        ? (values.data?.values ?? []).map(value => ({
            insert: `${bare.has(value.type) ? value.value : quote(value.value)} `,
            note: `${count(value.count)} spans`,
          }))
        : fitting(fixedValues[place.key] ?? []).map(insert => ({ insert: `${insert} `, note: '' }))
    case 'key': {
      const attributes = (keys.data?.keys ?? [])
        .filter(each => each.scope === 'span' || each.scope === 'resource')
        .map(each => ({
          insert: attribute(each.scope as 'span' | 'resource', each.key),
          note: `${count(each.spans)} spans`,
        }))
        .filter(each => !fields.includes(each.insert))
      return [...fields.map(insert => ({ insert, note: '' })), ...attributes]
        .filter(each => each.insert.toLowerCase().includes(place.text.toLowerCase()))
        .slice(0, most)
        .map(each => ({ ...each, insert: `${each.insert} ` }))
    }
  }
}
