import { expect, test, vi } from 'vitest'
import type { Change, Edge, GraphNode, HeatmapAnswer, Summary, SummaryItem } from '../api/types'
import { align, differenceOf, extentOf } from './compare/align'
import { around, curveOf, severityOf, widthOf } from './dependencies/graph'
import { layout } from './dependencies/layout'
import { bySignificance, foldedByService, tellingFigure } from './health/order'
import { without } from './search/QueryLine'
import { listedKey, placeAt } from './search/suggest'
import { readErrorKinds } from './service/errorKinds'
import { type HeatGeometry, regionOf, shareOf, ticksOf, timesOf, yOf } from './service/heat'
import { inCommon, queryOf, regionIn, regionText } from './service/region'
import { partsOf } from './system/store'
import { readSpans, traceOf } from './trace/read'

const summary = (count: number, p50 = 1e6): Summary => ({
  rate: count / 60,
  count,
  errors: 0,
  errorShare: 0,
  estimated: false,
  quantiles: [0.5, 0.9, 0.95, 0.99, 0.999].map(q => ({ q, nanos: p50 * q * 2, lowerNanos: null, upperNanos: null })),
})
const item = (service: string, count: number): SummaryItem => ({
  service,
  operation: null,
  kinds: ['server'],
  current: summary(count),
  base: null,
  ratio: null,
})
const change = (service: string, sureEffect: number): Change => ({
  level: 'service',
  service,
  operation: null,
  peer: null,
  side: null,
  aspect: 'latency',
  effect: sureEffect,
  sureEffect,
  adjustedP: 0.001,
  current: summary(100, 3e6),
  base: summary(100, 1e6),
})

test('services that surely got worse come first, then the busiest', () => {
  const ranked = bySignificance(
    [item('busy', 1000), item('quiet', 1), item('bad', 5), item('worse', 2)],
    [change('bad', 0.3), change('worse', 0.9), change('bad', 0.2)],
  )
  expect(ranked.map(each => each.item.service)).toEqual(['worse', 'bad', 'busy', 'quiet'])
})

test('a call that got worse counts for the service that is called', () => {
  const ranked = bySignificance(
    [item('caller', 1000), item('callee', 1)],
    [{ ...change('caller', 0.9), peer: 'callee' }, change('caller', 0.3)],
  )
  expect(ranked.map(each => [each.item.service, each.change?.sureEffect])).toEqual([
    ['callee', 0.9],
    ['caller', 0.3],
  ])
})

test('a change is told by the quantile that grew most', () => {
  expect(tellingFigure(change('a', 1))).toEqual({ name: 'p50', before: 1e6, now: 3e6 })
})

const heatmap: HeatmapAnswer = {
  range: { startUnixSeconds: 0, endUnixSeconds: 600 },
  stepMinutes: 1,
  rows: Array.from({ length: 10 }, (_, i) => ({ lowerNanos: 1000 * 2 ** i, upperNanos: 1000 * 2 ** (i + 1) })),
  columns: [],
}
const geometry: HeatGeometry = { answer: heatmap, width: 1050, height: 220, left: 50, bottom: 20 }

test('a box drawn on the heat map takes the steps and rows that it touches', () => {
  // rows are 20 pixels high and steps 100 wide
  expect(regionOf(geometry, 160, 30, 240, 70)).toEqual({ start: 60, end: 120, lower: 64_000, upper: 512_000 })
  expect(regionOf(geometry, 340, 199, 160, -5)).toEqual({ start: 60, end: 180, lower: 1000, upper: 1_024_000 })
})

test('a duration is drawn within its row, and what is beyond at the border', () => {
  expect(yOf(geometry, 1000 * Math.SQRT2)).toBeCloseTo(190)
  expect(yOf(geometry, 1e12)).toBe(0)
})

test('one span is seen beside thousands', () => {
  expect(shareOf(1, 10_000)).toBe(0)
  expect(shareOf(100, 10_000)).toBeCloseTo(0.5)
  expect(ticksOf(heatmap)).toEqual([1e3, 3e3, 1e4, 3e4, 1e5, 3e5, 1e6])
})

test('the search for a region asks for what the heat map counted', () => {
  const region = { start: 0, end: 60, lower: 1000, upper: 2000.4 }
  expect(queryOf({ service: 'a"b', operation: 'get' }, ['server', 'consumer'], region)).toBe(
    '{ resource.service.name = "a\\"b" && name = "get" && (kind = server || kind = consumer) && duration > 1000ns && duration <= 2001ns }',
  )
})

test('in common is what a selection has more often than all spans', () => {
  const facets = [
    { key: 'host', values: [{ value: 'h7', type: 'string', count: 90, baseCount: 1000 }] },
    { key: 'version', values: [{ value: '2', type: 'string', count: 50, baseCount: 5000 }] },
  ]
  const common = inCommon(facets, 100, 10_000)
  expect(common).toEqual([{ key: 'host', value: 'h7', type: 'string', share: 0.9, shareOfAll: 0.1 }])
  expect(inCommon(facets, 0, 0)).toEqual([])
})

test.each([
  ['', 'key', ''],
  ['resource.serv', 'key', 'resource.serv'],
  ['resource.service.name ', 'operator', ''],
  ['resource.service.name = ', 'value', ''],
  ['resource.service.name = "sh', 'value', 'sh'],
  ['name = "a b" ', 'join', ''],
  ['name = "a" && sta', 'key', 'sta'],
  ['(status = err', 'value', 'err'],
])('after %j comes a %s', (query, what, text) => {
  expect(placeAt(query, query.length)).toMatchObject({ what, text })
})

test('values are listed of keys that the server knows by scope', () => {
  expect(listedKey('resource.service.name')).toEqual({ scope: 'resource', key: 'service.name' })
  expect(listedKey('span."a b"')).toEqual({ scope: 'span', key: 'a b' })
  expect(listedKey('duration')).toBeNull()
})

test('a quick filter can be taken away again', () => {
  expect(without('a = 1 && status = error && b = 2', 'status = error')).toBe('a = 1 && b = 2')
})

const side = { count: 1, errors: 0, p50: 1, p99: 10, mean: 1 }
const edge = (caller: string, callee: string, more: Partial<Edge> = {}): Edge => ({
  caller: { service: caller, operation: null },
  callee: { service: callee, operation: null },
  kind: 'call',
  calls: 1,
  errors: 0,
  errorShare: 0,
  rate: 1,
  callerSide: side,
  calleeSide: side,
  networkNanos: null,
  networkShare: null,
  ...more,
})

test('around a service are its callers and callees, not those that its callers call besides', () => {
  const edges = [edge('top', 'a'), edge('top', 'other'), edge('a', 'b'), edge('b', 'c')]
  const nodes = ['top', 'a', 'b', 'c', 'other'].map(service => ({
    service,
    instrumented: true,
    count: 1,
    errors: 0,
    rate: 1,
    durationNanos: null,
  }))
  const names = (depth: number) => around({ nodes, edges }, 'a', depth).nodes.map(node => node.service)
  expect(names(1)).toEqual(['top', 'a', 'b'])
  expect(names(2)).toEqual(['top', 'a', 'b', 'c'])
})

test('edges are coloured by what failed, or by how p99 changed', () => {
  expect(severityOf(edge('a', 'b', { errorShare: 0.06 }), 'errors', undefined)).toBe(2)
  const slow = edge('a', 'b', { callerSide: { ...side, p99: 15 } })
  expect(severityOf(slow, 'latency', edge('a', 'b'))).toBe(1)
  expect(severityOf(slow, 'latency', undefined)).toBe(0)
  expect(widthOf(edge('a', 'b', { rate: 1000 }), 1, 1000)).toBe(6)
})

test('traces are compared by structure: what is missing, extra and slower', () => {
  const trace = (...spans: [id: string, parent: string, name: string, start: number, micros: number][]) =>
    traceOf(
      readSpans(
        JSON.stringify(
          spans.map(([id, parentId, name, start, length]) => ({
            traceId: 'a1',
            id,
            ...(parentId ? { parentId } : {}),
            name,
            timestamp: 1000 + start,
            duration: length,
          })),
        ),
      ),
    ).trace.spans
  const a = trace(['1', '', 'get', 0, 9000], ['2', '1', 'read', 1, 2000], ['3', '1', 'cache', 2, 10])
  const b = trace(['7', '', 'get', 0, 9100], ['8', '7', 'read', 1, 6000], ['9', '7', 'read', 7, 5])
  const pairs = align(a, b).map(pair => [pair.a?.id ?? null, pair.b?.id ?? null, differenceOf(pair)])
  expect(pairs).toEqual([
    ['1', '7', 'same'],
    ['2', '8', 'slower'],
    ['3', null, 'missing'],
    [null, '9', 'extra'],
  ])
  const longer = trace(['1', '', 'get', 0, 20])
  expect(extentOf(a, longer)).toEqual({ start: 0, end: 9e6 })
  expect(extentOf(longer, a)).toEqual(extentOf(a, longer))
})

test('a box of the heat map is the same after a way through the address', () => {
  const region = { start: 60, end: 180, lower: 1e6, upper: 2.5e9 }
  expect(regionIn(regionText(region))).toEqual(region)
  expect(regionIn(null)).toBeNull()
  expect(regionIn('1~2~3')).toBeNull()
  expect(regionIn('180~60~1~2')).toBeNull()
})

test('files of the store are told apart by what they are', () => {
  const names = ['000003.log', '000002.blob', '000004.sst', 'LOG', 'LOCK', 'CURRENT', 'MANIFEST-000001']
  const parts = partsOf(names.map(name => ({ name, bytes: 5, writtenUnixSeconds: 0 })))
  expect(parts.map(part => [part.files, part.bytes])).toEqual([1, 1, 1].map(files => [files, 5]))
})

test('an edge is drawn through all of its points', () => {
  const curve = curveOf([
    { x: 0, y: 0 },
    { x: 10, y: 4 },
  ])
  expect(curve).toBe('M0.0 0.0C5.0 0.0 5.0 4.0 10.0 4.0')
})

test('of many services the boxes do not overlap, and callees are to the right', () => {
  const nodes = Array.from({ length: 150 }, (_, i) => ({ service: `s${i}` }) as GraphNode)
  const edges = nodes
    .slice(1)
    .map(
      ({ service }, i) => ({ caller: { service: i < 100 ? 's0' : 's50' }, callee: { service }, kind: 'call' }) as Edge,
    )
  const drawn = layout({ nodes, edges })
  const places = [...drawn.nodes.values()]
  expect(new Set(places.map(({ x, y }) => `${x}|${y}`)).size).toBe(150)
  for (const { x, y } of places) {
    expect(x).toBeGreaterThanOrEqual(drawn.box.width / 2)
    expect(x + drawn.box.width / 2).toBeLessThanOrEqual(drawn.width)
    expect(y + drawn.box.height / 2).toBeLessThanOrEqual(drawn.height)
  }
  const of = (service: string) => drawn.nodes.get(service)?.x as number
  expect(of('s0')).toBeLessThan(of('s50'))
  expect(of('s50')).toBeLessThan(of('s120'))
})

test('times at the bottom are round and differ', () => {
  expect(timesOf(90, 390, 10)).toEqual([120, 180, 240, 300, 360])
  expect(timesOf(0, 3600, 4)).toEqual([0, 900, 1800, 2700, 3600])
})

test('of what got worse each service is told once, and where it may begin', () => {
  const grown = (service: string, millis: number, peer: string | null = null): Change => ({
    ...change(service, 0.9),
    peer,
    current: summary(100, millis * 1e6),
  })
  const changes = [
    grown('shop', 300),
    grown('shop', 290, 'cart'),
    grown('cart', 280),
    grown('cart', 270, 'stock'),
    grown('stock', 5, 'db'),
    grown('mail', 200),
  ]
  const folded = foldedByService(changes, new Set(['shop', 'cart', 'stock', 'mail']))
  expect(folded.map(each => [each.service, each.change, each.isOrigin])).toEqual([
    ['shop', changes[0], false],
    ['cart', changes[1], false],
    ['stock', changes[3], true],
    ['mail', changes[5], false],
  ])
})

test('a failure that has several keys is counted once, by the first of them', async () => {
  const failures: Record<string, string>[] = [
    { 'span.error.type': 'Timeout', statusMessage: 'late' },
    { 'span.error.type': 'Timeout', 'span.http.response.status_code': '500', statusMessage: 'late' },
    { 'span.http.response.status_code': '503', statusMessage: 'full' },
    {},
  ]
  vi.stubGlobal('fetch', async (url: string) => {
    const parameters = new URL(url, 'http://server').searchParams
    const key = parameters.get('keys') ?? ''
    const absent = [...(parameters.get('q') ?? '').matchAll(/(\S+) = nil/g)].map(match => match[1] as string)
    const left = failures.filter(each => absent.every(name => !(name in each)))
    const texts = left.flatMap(each => each[key] ?? [])
    const values = [...new Set(texts)].map(value => ({
      value,
      type: 'string',
      count: texts.filter(text => text === value).length,
    }))
    return Response.json({ spans: left.length, facets: [{ key, distinctValues: values.length, values }] })
  })
  const { total, kinds, others } = await readErrorKinds('{ x = 1 }', { start: 0, end: 9 }, new AbortController().signal)
  vi.unstubAllGlobals()
  expect(total).toBe(4)
  expect(kinds.map(kind => [kind.key, kind.value, kind.count])).toEqual([
    ['span.error.type', 'Timeout', 2],
    ['span.http.response.status_code', '503', 1],
  ])
  expect(others).toBe(1)
})
