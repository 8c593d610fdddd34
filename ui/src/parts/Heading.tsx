import { type ReactNode, useEffect } from 'react'

interface Props {
  /** Of the tab, too. */
  title: string
  /** For those who hear the page; to others what is on it says what it is. */
  hidden?: boolean
  /** What is shown, if it is not the title. */
  children?: ReactNode
}

/** What a page is about. Each has exactly one. */
export function Heading({ title, hidden, children }: Props) {
  useEffect(() => {
    document.title = `${title} · Tracing`
  }, [title])
  return <h1 className={hidden ? 'hidden' : ''}>{children ?? title}</h1>
}
