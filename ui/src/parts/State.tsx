import { Component, type ReactNode } from 'react'
import { useAway } from '../api/away'
import { ApiError } from '../api/get'
import { Heading } from './Heading'
import type { Asked } from './useApi'

export function Loading({ what = 'Loading' }: { what?: string }) {
  return (
    <div className="state" role="status">
      <span className="spinner" aria-hidden="true" /> {what}…
    </div>
  )
}

export function Empty({ children }: { children: ReactNode }) {
  return <div className="state">{children}</div>
}

export function Failure({ error, retry }: { error: Error; retry?: () => void }) {
  return (
    <div className="state failure" role="alert">
      <span>
        <strong>{error instanceof ApiError && error.status === 404 ? 'Not found: ' : 'This did not work: '}</strong>
        {error.message}
      </span>
      {retry && (
        <button type="button" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  )
}

/** What goes wrong while a page is drawn is said in its place, and the other pages still work. */
export class Boundary extends Component<{ children: ReactNode }, { error: Error | null }> {
  override state = { error: null }

  static getDerivedStateFromError(error: Error) {
    return { error }
  }

  override render() {
    const { error } = this.state
    if (!error) return this.props.children
    return (
      <div className="page">
        <Heading title="A page that failed" hidden />
        <Failure error={error} retry={() => this.setState({ error: null })} />
      </div>
    )
  }
}

interface AnswerProps<T> {
  query: Omit<Asked<T>, 'isKept'> & { isKept?: boolean }
  /** What to show when there is nothing; null when there is something. */
  empty?: (data: T) => ReactNode
  children: (data: T) => ReactNode
}

/** Every answer on a page goes through here, so that loading, failing and having nothing are never forgotten. */
export function Answer<T>({ query, empty, children }: AnswerProps<T>) {
  const away = useAway()
  if (query.data === undefined) {
    return query.error ? <Failure error={query.error} retry={() => void query.refetch()} /> : <Loading />
  }
  const nothing = empty?.(query.data)
  // the page says once that the server is away, rather than each part of it
  const isSaid = query.isKept === true && away !== null
  return (
    <>
      {query.error && !isSaid && <Failure error={query.error} retry={() => void query.refetch()} />}
      {nothing ? <Empty>{nothing}</Empty> : children(query.data)}
    </>
  )
}

export function Panel(props: {
  title: ReactNode
  note?: ReactNode
  tools?: ReactNode
  wide?: boolean
  children: ReactNode
}) {
  return (
    <section className={props.wide ? 'panel wide' : 'panel'}>
      <header>
        <h2>{props.title}</h2>
        {props.note && <span className="note">{props.note}</span>}
        {props.tools && <div className="tools">{props.tools}</div>}
      </header>
      {props.children}
    </section>
  )
}
