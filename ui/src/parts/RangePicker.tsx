import { type FormEvent, useRef } from 'react'
import { instant } from './format'
import { useKeys } from './Keys'
import { lengthOf, type Range, useRange } from './range'

const lengths = ['5m', '15m', '1h', '3h', '6h', '12h', '1d', '7d', '30d']
const bases = { previous: 'the time before', day: 'yesterday', week: 'a week ago' }

function textOf(range: Range): string {
  return range.last ? `Last ${range.last}` : `${instant(range.start)} – ${instant(range.end)}`
}

/** For an input of type datetime-local, which knows no time zone. */
function localText(unixSeconds: number): string {
  const date = new Date(unixSeconds * 1000)
  return new Date(date.getTime() - date.getTimezoneOffset() * 60000).toISOString().slice(0, 16)
}

export function RangePicker() {
  const { range, change, refresh } = useRange()
  const menu = useRef<HTMLDetailsElement>(null)
  const close = () => menu.current?.removeAttribute('open')
  const move = (by: number) => {
    const length = range.end - range.start
    change({ last: null, live: null, from: String(range.start + by * length), to: String(range.end + by * length) })
  }
  useKeys({ r: refresh, '[': () => move(-1), ']': () => move(1), Escape: close })

  const setAbsolute = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const data = new FormData(event.currentTarget)
    const [from, to] = ['from', 'to'].map(name => new Date(String(data.get(name))).getTime() / 1000)
    if (!from || !to || from >= to) return
    change({ from: String(from), to: String(to), last: null, live: null })
    close()
  }

  return (
    <div className="range">
      <button type="button" className="icon" onClick={() => move(-1)} aria-label="Earlier">
        ‹
      </button>
      <details ref={menu}>
        <summary aria-label={`Time range: ${textOf(range)}`}>{textOf(range)}</summary>
        <div className="menu">
          <fieldset className="choices" aria-label="Length">
            {lengths.map(length => (
              <button
                key={length}
                type="button"
                aria-pressed={range.last === length}
                onClick={() => {
                  change({ last: length, from: null, to: null })
                  refresh()
                  close()
                }}
              >
                {length}
              </button>
            ))}
          </fieldset>
          <form onSubmit={setAbsolute} key={range.end}>
            <label>
              From <input type="datetime-local" name="from" required defaultValue={localText(range.start)} />
            </label>
            <label>
              To <input type="datetime-local" name="to" required defaultValue={localText(range.end)} />
            </label>
            <button type="submit">Show</button>
          </form>
          <BaseChoice />
        </div>
      </details>
      <button type="button" className="icon" onClick={() => move(1)} aria-label="Later">
        ›
      </button>
      <button
        type="button"
        className="live"
        aria-pressed={range.live}
        onClick={() =>
          change(
            range.live
              ? { live: null }
              : { live: '1', from: null, to: null, last: lengthOf(range.last ?? '') ? range.last : '1h' },
          )
        }
      >
        <span aria-hidden="true">●</span> Live
      </button>
      <button type="button" className="icon" onClick={refresh} aria-label="Look again">
        ↻
      </button>
    </div>
  )
}

/** With what figures are compared. */
export function BaseChoice() {
  const { range, change } = useRange()
  return (
    <label className="base-choice">
      <span className="note">Compared with</span>
      <select value={range.base} onChange={event => change({ base: event.target.value })}>
        {Object.entries(bases).map(([value, text]) => (
          <option key={value} value={value}>
            {text}
          </option>
        ))}
      </select>
    </label>
  )
}
