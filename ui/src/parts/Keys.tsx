import { type Ref, useEffect, useRef } from 'react'

const help: [string, string][] = [
  ['/', 'To the search'],
  ['g h, g s, g d, g y', 'To health, search, dependencies, system'],
  ['j, k', 'Next and previous row'],
  ['Enter', 'Open the row'],
  ['← →', 'In a trace: collapse and expand'],
  ['n, N', 'In a trace: next and previous of what is found'],
  ['[ ]', 'Earlier and later by one length of the range'],
  ['r', 'Look again, now'],
  ['Esc', 'Close'],
  ['?', 'This list'],
]

/** Runs what a key stands for, unless a person is typing. Two keys one after the other are written "g h". */
export function useKeys(actions: Record<string, (event: KeyboardEvent) => void>) {
  const current = useRef(actions)
  current.current = actions
  const before = useRef('')
  useEffect(() => {
    const listen = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return
      if (event.target instanceof Element && event.target.closest('input, textarea, select, dialog')) return
      const action = current.current[`${before.current} ${event.key}`] ?? current.current[event.key]
      before.current = event.key
      if (!action) return
      event.preventDefault()
      action(event)
    }
    document.addEventListener('keydown', listen)
    return () => document.removeEventListener('keydown', listen)
  }, [])
}

export function Help({ ref }: { ref: Ref<HTMLDialogElement> }) {
  return (
    <dialog ref={ref} className="help" aria-labelledby="help-title">
      <h2 id="help-title">Keyboard</h2>
      <dl>
        {help.map(([keys, what]) => (
          <div key={keys}>
            <dt>
              <kbd>{keys}</kbd>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <form method="dialog">
        <button type="submit">Close</button>
      </form>
    </dialog>
  )
}

/** j and k move the focus along the rows that have data-row. */
export function useRowKeys() {
  const move = (by: number) => {
    const rows = [...document.querySelectorAll<HTMLElement>('[data-row]')]
    const at = rows.indexOf(document.activeElement as HTMLElement)
    const next = rows[at < 0 ? 0 : Math.min(rows.length - 1, Math.max(0, at + by))]
    next?.focus()
  }
  useKeys({ j: () => move(1), k: () => move(-1) })
}
