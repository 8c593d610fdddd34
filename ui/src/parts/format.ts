const units: [number, string][] = [
  [3600e9, 'h'],
  [60e9, 'min'],
  [1e9, 's'],
  [1e6, 'ms'],
  [1e3, 'µs'],
]

/** Three digits and a unit; nanoseconds in. */
export function duration(nanos: number | null | undefined): string {
  if (nanos === null || nanos === undefined || Number.isNaN(nanos)) return '–'
  for (const [size, unit] of units) {
    if (Math.abs(nanos) >= size) return `${digits(nanos / size)} ${unit}`
  }
  return `${Math.round(nanos)} ns`
}

function digits(value: number): string {
  const size = Math.abs(value)
  return size >= 100 ? value.toFixed(0) : size >= 10 ? value.toFixed(1) : value.toFixed(2)
}

export function count(value: number): string {
  for (const [size, unit] of [
    [1e9, ' G'],
    [1e6, ' M'],
    [1e4, ' k'],
  ] as const) {
    if (value >= size) return digits(value / (size === 1e4 ? 1e3 : size)) + unit
  }
  return Math.round(value).toLocaleString('en')
}

/** Such as "1 span" and "2 spans". */
export function some(value: number, noun: string): string {
  return `${count(value)} ${noun}${value === 1 ? '' : 's'}`
}

export function rate(perSecond: number | null | undefined): string {
  if (perSecond === null || perSecond === undefined) return '–'
  if (perSecond > 0 && perSecond < 0.1) return `${digits(perSecond * 60)} /min`
  return `${perSecond >= 1000 ? count(perSecond) : digits(perSecond)} /s`
}

export function share(value: number | null | undefined): string {
  if (value === null || value === undefined) return '–'
  if (value === 0) return '0 %'
  const percent = value * 100
  return percent < 0.01 ? '< 0.01 %' : `${percent >= 10 ? percent.toFixed(1) : percent.toFixed(2)} %`
}

export function bytes(value: number): string {
  for (const [size, unit] of [
    [2 ** 30, 'GiB'],
    [2 ** 20, 'MiB'],
    [2 ** 10, 'KiB'],
  ] as const) {
    if (value >= size) return `${digits(value / size)} ${unit}`
  }
  return `${value} B`
}

/** Of a setting, such as 7.00:00:00, for people; what is no such text stays as it is. */
export function timeSpan(text: string): string {
  const match = /^(?:(\d+)\.)?(\d\d):(\d\d):(\d\d)/.exec(text)
  if (!match) return text
  const units = ['day', 'hour', 'minute', 'second']
  const parts = units.flatMap((unit, i) => (Number(match[i + 1] ?? 0) > 0 ? [some(Number(match[i + 1]), unit)] : []))
  return parts.join(' ') || '0 seconds'
}

export type Zone = 'local' | 'utc'

let zone: Zone = 'local'

/** In which times are written from now on. */
export function setZone(next: Zone) {
  zone = next
}

/** British, for 24 hours and the day before the month. */
function format(unixSeconds: number, options: Intl.DateTimeFormatOptions): string {
  return new Date(unixSeconds * 1000).toLocaleString(
    'en-GB',
    zone === 'utc' ? { ...options, timeZone: 'UTC' } : options,
  )
}

export function clock(unixSeconds: number, withSeconds = false): string {
  return format(unixSeconds, {
    hour: '2-digit',
    minute: '2-digit',
    ...(withSeconds ? { second: '2-digit' } : {}),
  })
}

/** Such as "27 Nov". */
export function day(unixSeconds: number, withYear = false): string {
  return format(unixSeconds, { day: 'numeric', month: 'short', ...(withYear ? { year: 'numeric' } : {}) })
}

/** At an axis with marks so many seconds apart: midnight is called by its day. */
export function mark(unixSeconds: number, step: number): string {
  const text = clock(unixSeconds, step < 60)
  return step >= 86400 || text === '00:00' ? day(unixSeconds) : text
}

/** With the day, unless that is today's. */
export function instant(unixSeconds: number, now = Date.now()): string {
  return day(unixSeconds, true) === day(now / 1000, true)
    ? clock(unixSeconds, true)
    : `${day(unixSeconds, true)} ${clock(unixSeconds)}`
}

/** Two instants with the day once where both are on it, and with seconds where they are no whole minutes. */
export function between(start: number, end: number): string {
  const withSeconds = start % 60 !== 0 || end % 60 !== 0
  const [first, last] = [day(start), day(end)]
  const ending = first === last ? clock(end, withSeconds) : `${last} ${clock(end, withSeconds)}`
  return `${first} ${clock(start, withSeconds)} – ${ending}${zone === 'utc' ? ' UTC' : ''}`
}

/** As an input of type datetime-local has it, which knows no time zone. */
export function inputText(unixSeconds: number): string {
  const date = new Date(unixSeconds * 1000)
  const offset = zone === 'utc' ? 0 : date.getTimezoneOffset()
  return new Date(date.getTime() - offset * 60_000).toISOString().slice(0, 19)
}

/** Unix seconds of such a text; NaN when it is none. */
export function inputSeconds(text: string): number {
  return new Date(zone === 'utc' ? `${text}Z` : text).getTime() / 1000
}

export function ago(unixSeconds: number, now = Date.now()): string {
  const seconds = now / 1000 - unixSeconds
  if (seconds < 90) return `${Math.max(0, Math.round(seconds))} s ago`
  if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`
  if (seconds < 129600) return `${Math.round(seconds / 3600)} h ago`
  return `${Math.round(seconds / 86400)} d ago`
}

/** What services without a name are called. */
export function serviceName(name: string | null | undefined): string {
  return name || '(no name)'
}
