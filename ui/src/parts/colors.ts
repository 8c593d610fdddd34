/**
 * Twenty colours, told apart by lightness as well as by hue, as the common kinds of colour blindness need it; each is
 * readable as a bar on white and on the dark ground. Colour is never the only sign of anything.
 */
const palette = [
  '#3b78c3',
  '#d98a1f',
  '#2a9d7f',
  '#b0609f',
  '#7a6fd0',
  '#8a9a2f',
  '#4fa3d1',
  '#a3704a',
  '#5a8f4e',
  '#c4728a',
  '#6b7f99',
  '#b59b2b',
  '#1f7a8c',
  '#d2603a',
  '#9a86e0',
  '#3f8f9f',
  '#c9544f',
  '#6f8a1f',
  '#c77fd0',
  '#7d6b5d',
]

const colors = new Map<string, string>()

/**
 * By the name, so that a service mostly looks the same to all and always; but where two would look alike, the one that
 * was seen later takes the next colour that is free.
 */
export function serviceColor(service: string): string {
  const known = colors.get(service)
  if (known) return known
  let hash = 2166136261
  for (let i = 0; i < service.length; i++) hash = Math.imul(hash ^ service.charCodeAt(i), 16777619)
  // the low bits of FNV-1a alone tell short names badly apart
  const first = ((hash ^ (hash >>> 15)) >>> 0) % palette.length
  const taken = new Set(colors.values())
  const ordered = [...palette.slice(first), ...palette.slice(0, first)]
  const color = (ordered.find(each => !taken.has(each)) ?? ordered[0]) as string
  colors.set(service, color)
  return color
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
