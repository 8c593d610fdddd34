import { type ClipboardEvent, type KeyboardEvent, useRef, useState } from 'react'
import { useNavigate } from 'react-router'
import { inside } from '../../parts/traceql'
import { looksLikeTrace, rememberPasted } from '../trace/pasted'
import { placeAt } from './suggest'
import { useSuggestions } from './useSuggestions'

const quick: [string, string][] = [
  ['Errors', 'status = error'],
  ['Over 1 s', 'traceDuration > 1s'],
  ['Entry points', 'kind = server'],
  ['Databases', 'span.db.system != nil'],
]

interface Props {
  query: string
  onSearch: (query: string) => void
}

/** The query without its braces, with completion; also takes a trace id, and a trace's JSON pasted. */
export function QueryLine({ query, onSearch }: Props) {
  const [text, setText] = useState(inside(query))
  const [cursor, setCursor] = useState(-1)
  const [chosen, setChosen] = useState(-1)
  const input = useRef<HTMLInputElement>(null)
  const navigate = useNavigate()
  const place = cursor >= 0 ? placeAt(text, cursor) : null
  const suggestions = useSuggestions(place)
  const isOpen = place !== null && suggestions.length > 0

  const paste = (event: ClipboardEvent) => {
    const json = event.clipboardData.getData('text')
    if (!looksLikeTrace(json)) return
    event.preventDefault()
    rememberPasted(json)
    void navigate('/view')
  }
  const accept = (index: number) => {
    const suggestion = suggestions[index]
    if (!place || !suggestion) return
    const start = text.slice(0, place.from) + suggestion.insert
    setText(start + text.slice(cursor).replace(/^\S*/, ''))
    setChosen(-1)
    requestAnimationFrame(() => {
      input.current?.setSelectionRange(start.length, start.length)
      setCursor(start.length)
    })
  }
  const key = (event: KeyboardEvent) => {
    const by = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0
    if (by !== 0 && isOpen) {
      event.preventDefault()
      setChosen(
        (chosen + by + suggestions.length + 1) % (suggestions.length + 1) || (by > 0 ? 0 : suggestions.length - 1),
      )
    } else if ((event.key === 'Tab' || event.key === 'Enter') && isOpen && chosen >= 0) {
      event.preventDefault()
      accept(chosen)
    } else if (event.key === 'Enter') {
      setCursor(-1)
      onSearch(text)
    } else if (event.key === 'Escape') {
      setCursor(-1)
    }
  }

  return (
    <div className="query">
      <div className="query-line">
        <span className="brace" aria-hidden="true">
          {'{'}
        </span>
        <input
          ref={input}
          data-search
          role="combobox"
          aria-label="Query: conditions on spans in TraceQL, or a trace id"
          aria-expanded={isOpen}
          aria-controls="suggestions"
          aria-activedescendant={chosen >= 0 ? `suggestion-${chosen}` : undefined}
          autoComplete="off"
          spellCheck={false}
          placeholder={'resource.service.name = "shop" && duration > 100ms, or a trace id, or paste a trace'}
          value={text}
          onChange={event => {
            setText(event.target.value)
            setCursor(event.target.selectionStart ?? -1)
            setChosen(-1)
          }}
          onSelect={event =>
            document.activeElement === input.current && setCursor(event.currentTarget.selectionStart ?? -1)
          }
          onBlur={() => setCursor(-1)}
          onKeyDown={key}
          onPaste={paste}
        />
        <span className="brace" aria-hidden="true">
          {'}'}
        </span>
        <button type="button" className="primary" onClick={() => onSearch(text)}>
          Search
        </button>
      </div>
      <div className="suggestions" id="suggestions" role="listbox" aria-label="Completions" hidden={!isOpen}>
        {suggestions.map((suggestion, i) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the keys are those of the input
          <div
            key={suggestion.insert}
            id={`suggestion-${i}`}
            role="option"
            tabIndex={-1}
            aria-selected={i === chosen}
            onMouseDown={event => event.preventDefault()}
            onClick={() => accept(i)}
          >
            <span className="mono">{suggestion.insert}</span>
            <span className="note">{suggestion.note}</span>
          </div>
        ))}
      </div>
      <div className="quick">
        {quick.map(([name, filter]) => (
          <button
            key={name}
            type="button"
            aria-pressed={text.includes(filter)}
            onClick={() =>
              onSearch(text.includes(filter) ? without(text, filter) : text ? `${text} && ${filter}` : filter)
            }
          >
            {name}
          </button>
        ))}
        <button type="button" onClick={() => void navigate('/view')}>
          View a file…
        </button>
      </div>
    </div>
  )
}

/** The conditions that are left when one of those joined by "and" is taken away. */
export function without(text: string, filter: string): string {
  return text
    .split('&&')
    .map(each => each.trim())
    .filter(each => each !== '' && each !== filter)
    .join(' && ')
}
