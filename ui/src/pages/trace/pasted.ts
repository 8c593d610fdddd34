/** JSON that a person pasted or dropped, on its way to the page that shows it; it is not stored anywhere. */
let json: string | null = null

export function rememberPasted(text: string | null) {
  json = text
}

export function pasted(): string | null {
  return json
}

/** Cheap enough for every paste: whether to try to read it. */
export function looksLikeTrace(text: string): boolean {
  return /^\s*[[{]\s*["{]/.test(text) && /"(traceId|traceID|resourceSpans|batches)"/.test(text)
}
