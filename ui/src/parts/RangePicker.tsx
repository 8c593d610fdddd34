import { type FormEvent, type KeyboardEvent, useEffect, useRef, useState } from 'react'
import { useAway } from '../api/away'
import { between, inputSeconds, inputText } from './format'
import { useKeys } from './Keys'
import { lengthOf, type Range, useRange } from './range'
import { useZone } from './zone'

const lengths = ['5m', '15m', '1h', '3h', '6h', '12h', '1d', '7d', '30d']
const bases = { previous: 'the time before', day: 'yesterday', week: 'a week ago' }

function textOf(range: Range): string {
  return range.last ? `Last ${range.last}` : between(range.start, range.end)
}

export function RangePicker() {
  const { range, change, refresh } = useRange()
  // so that times are written anew
  useZone()
  const menu = useRef<HTMLDetailsElement>(null)
  const [isOpen, setOpen] = useState(false)
  const close = () => menu.current?.removeAttribute('open')
  const move = (by: number) => {
    const length = range.end - range.start
    change({ last: null, live: null, from: String(range.start + by * length), to: String(range.end + by * length) })
  }
  useKeys({ r: refresh, '[': () => move(-1), ']': () => move(1), Escape: close })
  useEffect(() => {
    if (!isOpen) return
    const outside = (event: Event) => {
      if (event.target instanceof Node && !menu.current?.contains(event.target)) close()
    }
    document.addEventListener('pointerdown', outside)
    document.addEventListener('focusin', outside)
    return () => {
      document.removeEventListener('pointerdown', outside)
      document.removeEventListener('focusin', outside)
    }
  }, [isOpen])
  const key = (event: KeyboardEvent) => {
    if (event.key !== 'Escape' || !isOpen) return
    // what is behind the menu is not closed with it
    event.stopPropagation()
    close()
    menu.current?.querySelector('summary')?.focus()
  }

  const earlier = (
    <button type="button" className="icon" onClick={() => move(-1)} aria-label="Earlier">
      ‹
    </button>
  )
  const others = (
    <>
      <button type="button" className="icon" onClick={() => move(1)} aria-label="Later">
        ›
      </button>
      <LiveButton />
      <button type="button" className="icon" onClick={refresh} aria-label="Look again">
        ↻
      </button>
    </>
  )
  return (
    <div className="range">
      <div className="steps">{earlier}</div>
      <details ref={menu} onKeyDown={key} onToggle={event => setOpen(event.currentTarget.open)}>
        <summary aria-label={`Time range: ${textOf(range)}`}>{textOf(range)}</summary>
        {isOpen && (
          <div className="menu">
            <div className="steps">
              {earlier}
              {others}
            </div>
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
            <Between close={close} />
            <BaseChoice />
          </div>
        )}
      </details>
      <div className="steps">{others}</div>
    </div>
  )
}

/** What is on the screen is of the last answer while none comes. */
function LiveButton() {
  const { range, change } = useRange()
  const away = useAway()
  const isWaiting = range.live && away !== null
  return (
    <button
      type="button"
      className={isWaiting ? 'live waiting' : 'live'}
      aria-pressed={range.live}
      onClick={() =>
        change(
          range.live
            ? { live: null }
            : { live: '1', from: null, to: null, last: lengthOf(range.last ?? '') ? range.last : '1h' },
        )
      }
    >
      <span aria-hidden="true">{isWaiting ? '○' : '●'}</span> Live
    </button>
  )
}

/** From an instant to another, in the zone of one's choice. */
function Between({ close }: { close: () => void }) {
  const { range, change } = useRange()
  const { zone, setZone } = useZone()
  // as it was when the menu was opened: live, the range goes on while a person writes
  const [[start, end], setTimes] = useState([range.start, range.end])
  const [problem, setProblem] = useState<string | null>(null)
  const read = (form: HTMLFormElement) => {
    const data = new FormData(form)
    return ['from', 'to'].map(name => inputSeconds(String(data.get(name)))) as [number, number]
  }
  const form = useRef<HTMLFormElement>(null)
  const show = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const [from, to] = read(event.currentTarget)
    const wrong = problemOf(from, to)
    setProblem(wrong)
    if (wrong) return
    change({ from: String(from), to: String(to), last: null, live: null })
    close()
  }
  const choose = (next: 'local' | 'utc') => {
    // the instants that were written stay the same
    const written = form.current ? read(form.current) : [start, end]
    setTimes([written[0] || start, written[1] || end])
    setZone(next)
  }
  return (
    <form onSubmit={show} noValidate ref={form} key={zone}>
      <fieldset className="choices zones" aria-label="Time zone">
        {(['local', 'utc'] as const).map(each => (
          <button key={each} type="button" aria-pressed={zone === each} onClick={() => choose(each)}>
            {each === 'utc' ? 'UTC' : 'Local time'}
          </button>
        ))}
      </fieldset>
      <label>
        From <input type="datetime-local" step={1} name="from" defaultValue={inputText(start)} />
      </label>
      <label>
        To <input type="datetime-local" step={1} name="to" defaultValue={inputText(end)} />
      </label>
      {problem && (
        <p className="error-text" role="alert">
          {problem}
        </p>
      )}
      <button type="submit">Show</button>
    </form>
  )
}

/** Null when there is none. */
export function problemOf(from: number, to: number): string | null {
  if (Number.isNaN(from) || Number.isNaN(to)) return 'Both times are needed, with day, hour and minute.'
  if (from === to) return 'The range has no length: “To” must be later than “From”.'
  return from > to ? 'The range ends before it begins: “To” must be later than “From”.' : null
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
