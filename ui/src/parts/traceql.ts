/** A text as the query language has it. */
export function quote(text: string): string {
  return `"${text.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n')}"`
}

const bare = new Set(['int', 'double', 'bool', 'status', 'kind'])
const plainKey = /^[\w.:/-]+$/

/** A condition that a value fits; key as facets write it. */
export function condition(key: string, value: string, type: string): string {
  return `${key} = ${bare.has(type) ? value : quote(value)}`
}

/** An attribute's key with its scope, in quotes where the language needs them. */
export function attribute(scope: 'span' | 'resource', key: string): string {
  return plainKey.test(key) ? `${scope}.${key}` : `${scope}.${quote(key)}`
}

/** The query with one more condition; the braces may be missing. */
export function withCondition(query: string, more: string): string {
  const inner = inside(query)
  return inner ? `{ ${needsParentheses(inner) ? `(${inner})` : inner} && ${more} }` : `{ ${more} }`
}

/** What stands between the braces. */
export function inside(query: string): string {
  const text = query.trim()
  return text.startsWith('{') && text.endsWith('}') ? text.slice(1, -1).trim() : text
}

/** With braces, as the server wants it; nothing stays nothing. */
export function complete(query: string): string {
  const inner = inside(query)
  return inner ? `{ ${inner} }` : ''
}

/** Only an "or" outside of texts binds weaker than the "and" that follows. */
function needsParentheses(inner: string): boolean {
  return inner.replace(/"(?:[^"\\]|\\.)*"|`[^`]*`/g, '').includes('||')
}
