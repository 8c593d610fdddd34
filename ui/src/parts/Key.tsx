import { Fragment } from 'react'

/** The key of an attribute, which breaks after its dots rather than within a word. */
export function Key({ text }: { text: string }) {
  const parts = text.split(/(?<=[._])/)
  return parts.map((part, i) => (
    <Fragment key={i}>
      {i > 0 && <wbr />}
      {part}
    </Fragment>
  ))
}
