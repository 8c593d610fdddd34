import { expect, test } from 'vitest'
import { criticalPath, criticalTimes, joined, selfTimes, shifted, skewOf } from './analyze'
import { boxesOf, flameOf } from './flame'
import { fillTemplate } from './logs'
import { addressOf, append, childrenOf, type OutlineWindow, rowsOf, type TraceSpan } from './model'
import { percentileOf } from './percentile'
import { readSpans, traceIdIn, traceOf } from './read'

/** Spans as an outline has them: parent, start, duration. */
function spansOf(...rows: [parent: number, start: number, duration: number, kind?: number, service?: string][]) {
  const spans: TraceSpan[] = []
  const texts = ['', ...new Set(rows.map(row => row[4] ?? 'a'))]
  const window: OutlineWindow = {
    texts,
    ids: rows.map((_, i) => `${i}`),
    parents: rows.map(row => row[0]),
    starts: rows.map(row => row[1]),
    durations: rows.map(row => row[2]),
    services: rows.map(row => texts.indexOf(row[4] ?? 'a')),
    names: rows.map(() => 0),
    hosts: rows.map(() => 0),
    machines: rows.map(() => 0),
    kinds: rows.map(row => row[3] ?? 1),
    statuses: rows.map(() => 0),
  }
  append(spans, window, [])
  return spans
}

test('windows that come one after another make one tree', () => {
  const whole = spansOf([-1, 0, 10], [0, 1, 5], [1, 2, 2], [0, 7, 2], [-2, 0, 1])
  expect(whole.map(span => span.end)).toEqual([4, 3, 3, 4, 5])
  expect(whole.map(span => span.depth)).toEqual([0, 1, 2, 1, 0])
  expect(whole[4]?.isOrphan).toBe(true)
})

test('rows below a collapsed span are hidden, and a subtree can be seen alone', () => {
  const spans = spansOf([-1, 0, 10], [0, 1, 5], [1, 2, 2], [0, 7, 2])
  expect(rowsOf(spans, new Set([1]), null)).toEqual([0, 1, 3])
  expect(rowsOf(spans, new Set(), 1)).toEqual([1, 2])
})

test('a part of a trace is drawn while more of it comes', () => {
  const whole = spansOf([-1, 0, 10], [0, 1, 5], [1, 2, 2], [1, 4, 1])
  const part = whole.slice(0, 3)
  expect(childrenOf(part, 0)).toEqual([1])
  expect(childrenOf(part, 1)).toEqual([2])
  expect(rowsOf(part, new Set(), 1)).toEqual([1, 2])
  expect([...selfTimes(part)]).toEqual([5, 3, 2])
})

test('time that children share counts once against their parent', () => {
  const spans = spansOf([-1, 0, 10], [0, 1, 4], [0, 3, 4], [0, 9, 5])
  expect([...selfTimes(spans)]).toEqual([3, 4, 4, 5])
})

test('the critical path goes through the child that ended last, and covers the root', () => {
  const spans = spansOf([-1, 0, 100], [0, 10, 40], [0, 20, 60])
  const path = criticalPath(spans)
  expect(path).toEqual([
    { span: 0, start: 0, end: 20 },
    { span: 2, start: 20, end: 80 },
    { span: 0, start: 80, end: 100 },
  ])
  expect([...criticalTimes(path, 3)]).toEqual([40, 0, 60])
})

test('what outlives its parent was not waited for', () => {
  const path = criticalPath(spansOf([-1, 0, 100], [0, 50, 100]))
  expect(path).toEqual([{ span: 0, start: 0, end: 100 }])
})

test('a server whose clock is off is put into the middle of its client, with all below', () => {
  const spans = spansOf([-1, 100, 50, 3, 'a'], [0, 10, 30, 2, 'b'], [1, 20, 5, 1, 'b'])
  const shifts = skewOf(spans)
  expect([...shifts]).toEqual([0, 100, 100])
  expect(shifted(spans, shifts).map(span => span.start)).toEqual([100, 110, 120])
})

test('a server within its client is left where it is', () => {
  const spans = spansOf([-1, 100, 50, 3, 'a'], [0, 101, 30, 2, 'b'])
  expect(skewOf(spans).every(shift => shift === 0)).toBe(true)
  expect(shifted(spans, skewOf(spans))).toBe(spans)
})

test('spans of one machine were timed by one clock', () => {
  const spans = spansOf([-1, 100, 50, 3, 'a'], [0, 110, 49, 2, 'b'])
  expect(skewOf(spans)[1]).not.toBe(0)
  for (const span of spans) span.machine = 'vm'
  expect([...skewOf(spans)]).toEqual([0, 0])
})

test('a flame graph merges the same calls and is as wide as what ran', () => {
  const spans = spansOf([-1, 0, 10], [0, 0, 4, 1, 'b'], [0, 4, 4, 1, 'b'])
  const root = flameOf(spans, selfTimes(spans))
  expect(root.total).toBe(10)
  const boxes = boxesOf(root, 0.01)
  expect(boxes.map(box => [box.node.service, box.node.count, box.width])).toEqual([
    ['', 0, 1],
    ['a', 1, 1],
    ['b', 2, 0.8],
  ])
})

test('a percentile counts the hundredths that took no longer', () => {
  const percentiles = Array.from({ length: 101 }, (_, i) => i * 10)
  expect(percentileOf(500, percentiles)).toBe(51)
  expect(percentileOf(-1, percentiles)).toBe(0)
  expect(percentileOf(1e9, percentiles)).toBe(100)
})

test('ids are told from queries', () => {
  expect(traceIdIn(' { 5AF7183FB1D4CF5F } ')).toBe('5af7183fb1d4cf5f')
  expect(traceIdIn('name = "5af7183fb1d4cf5f"')).toBeNull()
})

const zipkin = [
  { traceId: 'a1', id: '2', parentId: '1', name: 'select', timestamp: 1005, duration: 3, tags: { error: 'timeout' } },
  { traceId: 'a1', id: '1', kind: 'SERVER', timestamp: 1000, duration: 10, localEndpoint: { serviceName: 'shop' } },
]
const otlp = {
  resourceSpans: [
    {
      resource: { attributes: [{ key: 'service.name', value: { stringValue: 'shop' } }] },
      scopeSpans: [
        {
          spans: [
            { traceId: 'a1', spanId: '1', kind: 2, startTimeUnixNano: '1000000', endTimeUnixNano: '1010000' },
            {
              traceId: 'a1',
              spanId: '2',
              parentSpanId: '1',
              name: 'select',
              startTimeUnixNano: '1005000',
              endTimeUnixNano: '1008000',
              status: { code: 2, message: 'timeout' },
            },
          ],
        },
      ],
    },
  ],
}
const jaeger = {
  data: [
    {
      processes: { p1: { serviceName: 'shop' } },
      spans: [
        {
          traceID: 'a1',
          spanID: '1',
          operationName: '',
          startTime: 1000,
          duration: 10,
          processID: 'p1',
          tags: [{ key: 'span.kind', value: 'server' }],
        },
        {
          traceID: 'a1',
          spanID: '2',
          operationName: 'select',
          startTime: 1005,
          duration: 3,
          processID: 'p1',
          references: [{ refType: 'CHILD_OF', traceID: 'a1', spanID: '1' }],
          tags: [
            { key: 'error', value: true },
            { key: 'otel.status_description', value: 'timeout' },
          ],
        },
      ],
    },
  ],
}

test.each([
  ['Zipkin', zipkin],
  ['OTLP', otlp],
  ['Jaeger', jaeger],
])('a trace in the JSON of %s is read and arranged', (_, body) => {
  const { trace, details } = traceOf(readSpans(JSON.stringify(body)))
  expect(trace.spans.map(span => [span.id, span.parent, span.start, span.duration, span.isError])).toEqual([
    ['1', -1, 0, 10_000, false],
    ['2', 0, 5_000, 3_000, true],
  ])
  expect(trace.spans[0]?.service).toBe('shop')
  expect(trace.spans[0]?.kind).toBe(2)
  expect(details[1]?.statusMessage).toBe('timeout')
})

test('what is no trace is refused with what was expected', () => {
  expect(() => readSpans('{"a":')).toThrow('no JSON')
  expect(() => readSpans('{"a":1}')).toThrow('expected are spans of Zipkin')
  expect(() => readSpans('[]')).toThrow('no spans')
})

test('spans that are each other’s ancestors are shown all the same', () => {
  const body = [
    { traceId: 'a1', id: '1', parentId: '2', timestamp: 1 },
    { traceId: 'a1', id: '2', parentId: '1', timestamp: 2 },
  ]
  expect(traceOf(readSpans(JSON.stringify(body))).trace.spans).toHaveLength(2)
})

test('a link to logs is filled in, and never a script', () => {
  const { trace } = traceOf(readSpans(JSON.stringify(zipkin)))
  const span = trace.spans[0] as TraceSpan
  expect(fillTemplate('https://logs/?t={traceId}&s={service}', trace, span)).toBe('https://logs/?t=a1&s=shop')
  expect(fillTemplate('javascript:alert(1)', trace, span)).toBeNull()
})

test('puts the server half of a shared id below the client half, with its children and its corrected clock', () => {
  const of = (kind: string, service: string, timestamp: number, more: object) => ({
    traceId: 'abcd',
    id: '2',
    parentId: '1',
    kind,
    timestamp,
    duration: 90,
    localEndpoint: { serviceName: service },
    ...more,
  })
  const zipkin = [
    of('SERVER', 'b', 1000, { shared: true, duration: 80 }),
    of('SERVER', 'a', 2000, { id: '1', parentId: undefined, duration: 100 }),
    of('CLIENT', 'a', 2005, {}),
    of('CLIENT', 'b', 1010, { id: '3', parentId: '2', duration: 10 }),
  ]
  const { spans } = traceOf(readSpans(JSON.stringify(zipkin))).trace
  expect(spans.map(span => [span.service, span.parent])).toEqual([
    ['a', -1],
    ['a', 0],
    ['b', 1],
    ['b', 2],
  ])
  expect(spans.map(span => addressOf(spans, span))).toEqual(['1', '2', '2.server', '3'])
  expect([...skewOf(spans)]).toEqual([0, 0, 1_010_000, 1_010_000])
})

test('parts of the critical path that cannot be told apart are drawn as one', () => {
  const path = [
    { span: 0, start: 0, end: 10 },
    { span: 0, start: 12, end: 20 },
    { span: 0, start: 40, end: 50 },
  ]
  expect(joined(path, 5)).toEqual([
    { span: 0, start: 0, end: 20 },
    { span: 0, start: 40, end: 50 },
  ])
  expect(joined(path, 1)).toEqual(path)
})

test('a trace of an old OTLP, and one that Jaeger answered, are read', () => {
  const spans = [{ traceId: 'a1', spanId: 'b1', name: 'x', startTimeUnixNano: '5', endTimeUnixNano: '9' }]
  const old = { batches: [{ resource: {}, instrumentationLibrarySpans: [{ spans }] }] }
  const jaegers = { result: { resourceSpans: [{ resource: {}, scopeSpans: [{ spans }] }] } }
  for (const body of [old, jaegers]) expect(readSpans(JSON.stringify(body))[0]?.duration).toBe(4)
})
