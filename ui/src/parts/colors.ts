/**
 * Twenty colours, each readable as a bar on white and on the dark ground. The first ten were chosen to be as far apart
 * as can be, to eyes with the common kinds of colour blindness too, and none is like the red of errors; the others come
 * when these are used up. Colour is never the only sign of anything.
 */
const palette = [
  '#396de5',
  '#bd9502',
  '#00a870',
  '#c42d62',
  '#7b9ec2',
  '#9846b9',
  '#985d01',
  '#1f757c',
  '#c579f8',
  '#ff658d',
  '#03a0ff',
  '#d46808',
  '#017c3f',
  '#73609d',
  '#7d8d44',
  '#c260a5',
  '#927976',
  '#018fb9',
  '#8775e3',
  '#bf8c9f',
]
const half = palette.length / 2

/** FNV-1a, whose low bits alone tell short names badly apart. */
function hashOf(name: string): number {
  let hash = 2166136261
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 16777619)
  hash ^= hash >>> 15
  hash = Math.imul(hash, 0x2c1b3c6d)
  return (hash ^ (hash >>> 13)) >>> 0
}

/** The colour that is first for a name among those that are free: all of the first ten, then all of the others. */
function colorOf(name: string, taken: ReadonlySet<string>): string {
  const hash = hashOf(name)
  // steps that have no divisor in common with ten, so that each colour comes once
  const step = [1, 3, 7, 9][(hash >>> 8) % 4] as number
  const at = (i: number) => palette[((hash + i * step) % half) + (i < half ? 0 : half)] as string
  for (let i = 0; i < palette.length; i++) if (!taken.has(at(i))) return at(i)
  return at(0)
}

/**
 * Colours of services by their names and those of all others, never by what was seen first: so a service looks the same
 * on every page and to everybody, and up to twenty look different. A service that is not among the names, such as one
 * without spans of its own, gets a colour that none of them has, while there is one.
 */
export function colorsOf(services: readonly string[]): (service: string) => string {
  const colors = new Map<string, string>()
  const taken = new Set<string>()
  const names = [...new Set(services.map(name => name.toLowerCase()))]
  for (const name of names.sort((a, b) => hashOf(a) - hashOf(b) || (a < b ? -1 : 1))) {
    if (taken.size === palette.length) taken.clear()
    const color = colorOf(name, taken)
    colors.set(name, color)
    taken.add(color)
  }
  return service => {
    const name = service.toLowerCase()
    return colors.get(name) ?? colorOf(name, taken)
  }
}

/** Viridis at nine places: rising lightness, so that it reads without colour too. */
const viridis = ['#440154', '#472d7b', '#3b528b', '#2c728e', '#21918c', '#28ae80', '#5ec962', '#addc30', '#fde725']

export function heatColor(share: number, dark: boolean): string {
  const place = Math.min(viridis.length - 1, Math.max(0, Math.round(share * (viridis.length - 1))))
  return viridis[dark ? place : viridis.length - 1 - place] as string
}

/** A colour of the style sheet, for canvases. */
export function cssColor(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim()
}
