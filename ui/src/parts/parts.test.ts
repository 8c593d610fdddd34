import { expect, test } from 'vitest'
import { serviceColor } from './colors'
import { count, duration, mark, rate, share, some, timeSpan } from './format'
import { lengthOf, rangeOf } from './range'
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

test('services that are few have colours of their own, and keep them', () => {
  const services = Array.from({ length: 20 }, (_, i) => `service-${i}`)
  const colors = services.map(serviceColor)
  expect(new Set(colors).size).toBe(20)
  expect(serviceColor('one more')).toMatch(/^#/)
  expect(services.map(serviceColor)).toEqual(colors)
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
