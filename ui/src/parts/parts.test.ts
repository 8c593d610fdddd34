import { expect, test } from 'vitest'
import { colorsOf } from './colors'
import {
  between,
  count,
  duration,
  inputSeconds,
  inputText,
  instant,
  mark,
  rate,
  setZone,
  share,
  some,
  timeSpan,
} from './format'
import { problemOf } from './RangePicker'
import { lengthOf, rangeOf } from './range'
import { after, ordered } from './Table'
import { complete, condition, inside, quote, withCondition } from './traceql'
import { trendOf } from './trend'

test('durations have three digits and the unit that suits them', () => {
  expect(duration(999)).toBe('999 ns')
  expect(duration(1_500)).toBe('1.50 µs')
  expect(duration(12_345_678)).toBe('12.3 ms')
  expect(duration(123e9)).toBe('2.05 min')
  expect(duration(null)).toBe('–')
})

test('marks of an axis are told apart, whatever their step', () => {
  const midnight = new Date(2026, 10, 27).getTime() / 1000
  expect(mark(midnight + 90, 30)).toBe('00:01:30')
  expect(mark(midnight + 3600, 3600)).toBe('01:00')
  expect(mark(midnight, 3600)).toBe('27 Nov')
  expect(mark(midnight + 3600, 86400)).toBe('27 Nov')
})

test('figures stay short', () => {
  expect(count(9_999)).toBe('9,999')
  expect(count(12_345)).toBe('12.3 k')
  expect(rate(0.05)).toBe('3.00 /min')
  expect(share(0.00001)).toBe('< 0.01 %')
  expect(share(0.123)).toBe('12.3 %')
})

test('one is singular, and time spans of settings are words', () => {
  expect(some(1, 'span')).toBe('1 span')
  expect(some(0, 'span')).toBe('0 spans')
  expect(timeSpan('7.00:00:00')).toBe('7 days')
  expect(timeSpan('01:30:00')).toBe('1 hour 30 minutes')
  expect(timeSpan('00:00:00.5000000')).toBe('0 seconds')
  expect(timeSpan('none')).toBe('none')
})

test('services that are few have colours of their own, the same in whatever order they are known', () => {
  const services = Array.from({ length: 20 }, (_, i) => `service-${i}`)
  const colors = services.map(colorsOf(services))
  expect(new Set(colors).size).toBe(20)
  expect(services.map(colorsOf([...services].reverse()))).toEqual(colors)
  expect(services.map(name => colorsOf(services)(name.toUpperCase()))).toEqual(colors)
})

test('up to ten services share out the ten colours that differ most, and hundreds all have one', () => {
  const names = (count: number) => Array.from({ length: count }, (_, i) => `app ${i}`)
  const ten = new Set(names(10).map(colorsOf(names(10))))
  expect(ten.size).toBe(10)
  for (const count of [2, 5, 9])
    expect(
      names(count)
        .map(colorsOf(names(count)))
        .every(color => ten.has(color)),
    ).toBe(true)
  const many = names(300).map(colorsOf(names(300)))
  const uses = [...new Set(many)].map(color => many.filter(each => each === color).length)
  expect(uses).toEqual(new Array(20).fill(15))
})

test('a service that nobody listed has a colour of its own while there is one, and always the same', () => {
  const listed = ['shop', 'stock', 'cart']
  const colorOf = colorsOf(listed)
  const foreign = ['postgres', 'redis', 'kafka'].map(colorOf)
  for (const color of foreign) expect(listed.map(colorOf)).not.toContain(color)
  expect(['kafka', 'postgres', 'redis'].map(colorsOf(['cart', 'stock', 'shop'])).sort()).toEqual([...foreign].sort())
})

test('a relative range ends now, an absolute one where the address says', () => {
  expect(rangeOf(new URLSearchParams('last=15m'), 10_000)).toMatchObject({ start: 9_100, end: 10_000, last: '15m' })
  expect(rangeOf(new URLSearchParams('from=5&to=9&live=1'), 10_000)).toMatchObject({
    start: 5,
    end: 9,
    last: null,
    live: false,
  })
})

test('an address that makes no sense shows the last hour', () => {
  expect(rangeOf(new URLSearchParams('last=1x&from=9&to=5&base=x'), 10_000)).toMatchObject({
    start: 6_400,
    last: '1h',
    base: 'previous',
  })
  expect(lengthOf('0d')).toBe(0)
})

test('texts are written so that the query language reads them back', () => {
  expect(quote('a "b" \\ c')).toBe('"a \\"b\\" \\\\ c"')
  expect(condition('span.code', '500', 'int')).toBe('span.code = 500')
  expect(condition('span.code', '500', 'string')).toBe('span.code = "500"')
})

test('a condition binds all that stands before it', () => {
  expect(withCondition('', 'a = 1')).toBe('{ a = 1 }')
  expect(withCondition('{ a = 1 }', 'b = 2')).toBe('{ a = 1 && b = 2 }')
  expect(withCondition('{ a = 1 || b = 2 }', 'c = 3')).toBe('{ (a = 1 || b = 2) && c = 3 }')
  expect(withCondition('{ a = "x || y" }', 'c = 3')).toBe('{ a = "x || y" && c = 3 }')
})

test('braces are a matter of the server only', () => {
  expect(inside('{ a = 1 }')).toBe('a = 1')
  expect(complete('a = 1')).toBe('{ a = 1 }')
  expect(complete('{}')).toBe('')
})

test('steps without spans have no rate, and no latency', () => {
  const point = { unixSeconds: 60, count: 6, errors: 0, rate: 0.1 }
  const durationNanos = { p50: 1, p90: 1, p95: 2, p99: 3, p999: 3 }
  const trend = trendOf({
    range: { startUnixSeconds: 0, endUnixSeconds: 180 },
    stepMinutes: 1,
    points: [{ ...point, durationNanos }],
  })
  expect(trend).toEqual({ times: [0, 60, 120], rates: [0, 0.1, 0], p95: [null, 2, null] })
})

test('times are written and read in the zone that is chosen, to the second', () => {
  const at = Date.UTC(2026, 10, 27, 23, 59, 7) / 1000
  try {
    setZone('utc')
    expect(inputText(at)).toBe('2026-11-27T23:59:07')
    expect(instant(at, (at + 86_400) * 1000)).toBe('27 Nov 2026 23:59')
    expect(between(at, at + 60)).toBe('27 Nov 23:59:07 – 28 Nov 00:00:07 UTC')
    expect(between(at - 67, at - 7)).toBe('27 Nov 23:58 – 23:59 UTC')
    expect(inputSeconds(inputText(at))).toBe(at)
  } finally {
    setZone('local')
  }
  expect(inputSeconds(inputText(at))).toBe(at)
})

test('a range that ends before it begins is refused with a sentence', () => {
  expect(problemOf(20, 10)).toContain('ends before it begins')
  expect(problemOf(20, 20)).toContain('no length')
  expect(problemOf(Number.NaN, 20)).toContain('needed')
  expect(problemOf(10, 20)).toBeNull()
})

test('rows are ordered by figures as figures and by texts as people do, what is unknown last either way', () => {
  const of = (values: (number | string | null)[], descending: boolean) => ordered(values, value => value, descending)
  expect(of([2, null, 10, 1], true)).toEqual([10, 2, 1, null])
  expect(of([2, null, 10, 1], false)).toEqual([1, 2, 10, null])
  expect(of(['stock-10', 'Stock-2', 'cart'], false)).toEqual(['cart', 'Stock-2', 'stock-10'])
})

test('a column is pressed for the one order, for the other, and for that of the rows if they have one', () => {
  const first = after(null, 'Rate', true, false)
  expect(first).toEqual({ column: 'Rate', descending: true })
  expect(after(first, 'Rate', true, false)).toEqual({ column: 'Rate', descending: false })
  expect(after({ column: 'Rate', descending: false }, 'Rate', true, false)).toBeNull()
  expect(after({ column: 'Rate', descending: false }, 'Rate', true, true)).toEqual(first)
  expect(after(first, 'Service', false, true)).toEqual({ column: 'Service', descending: false })
})
