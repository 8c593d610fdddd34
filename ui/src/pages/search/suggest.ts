/** What a person is about to write at a place of the query line. */
export type Place =
  | { what: 'key'; from: number; text: string }
  | { what: 'operator'; from: number; text: string; key: string }
  | { what: 'value'; from: number; text: string; key: string }
  | { what: 'join'; from: number; text: string }

const key = String.raw`[A-Za-z_][\w.:/-]*(?:"[^"]*")?`
const operator = '=~|!~|!=|>=|<=|=|>|<'
const text = String.raw`"(?:[^"\\]|\\.)*"`

const inValue = new RegExp(String.raw`(${key})\s*(?:${operator})\s*("(?:[^"\\]|\\.)*|[^\s"&|(){}=!<>~]*)$`)
const afterValue = new RegExp(String.raw`(?:${operator})\s*(?:${text}|[^\s"&|(){}=!<>~]+)\s+([&|]*)$`)
const afterKey = new RegExp(String.raw`(?:^|[{(\s]|&&|\|\|)(${key})\s+([=!<>~]*)$`)
const inKey = new RegExp(String.raw`(?:^|[{(\s]|&&|\|\|)(${key})?$`)

/** Reads only what stands before the cursor, so that half a query is enough. */
export function placeAt(query: string, cursor: number): Place | null {
  const before = query.slice(0, cursor)
  let match = inValue.exec(before)
  if (match) {
    const written = match[2] ?? ''
    return { what: 'value', from: cursor - written.length, text: written.replace(/^"/, ''), key: match[1] as string }
  }
  match = afterValue.exec(before)
  if (match) return { what: 'join', from: cursor - (match[1]?.length ?? 0), text: match[1] ?? '' }
  match = afterKey.exec(before)
  if (match)
    return { what: 'operator', from: cursor - (match[2]?.length ?? 0), text: match[2] ?? '', key: match[1] as string }
  match = inKey.exec(before)
  if (match) return { what: 'key', from: cursor - (match[1]?.length ?? 0), text: match[1] ?? '' }
  return null
}

/** Fields of the query language that are no attributes, and before them the attribute that most ask for. */
export const fields = [
  'resource.service.name',
  'name',
  'status',
  'kind',
  'duration',
  'statusMessage',
  'rootName',
  'rootServiceName',
  'traceDuration',
]

export const operators = ['=', '!=', '=~', '!~', '>', '<', '>=', '<=']

export const fixedValues: Record<string, string[]> = {
  status: ['error', 'ok', 'unset'],
  kind: ['server', 'client', 'internal', 'producer', 'consumer', 'unspecified'],
  duration: ['10ms', '100ms', '1s', '10s'],
  traceDuration: ['100ms', '1s', '10s'],
}

/** The key that the server lists values of, with its scope; null for fields that it has none for. */
export function listedKey(written: string): { key: string; scope: string } | null {
  const match = /^(span|resource|event|link|instrumentation)[.:]"?(.+?)"?$/.exec(written)
  if (match) return { scope: match[1] as string, key: match[2] as string }
  if (written === 'name' || written === 'statusMessage') return { scope: 'intrinsic', key: written }
  return null
}
