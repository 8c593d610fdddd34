import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { cleanup, fireEvent, render, screen } from '@testing-library/react'
import { MemoryRouter } from 'react-router'
import { afterEach, expect, test, vi } from 'vitest'
import type { FoundTrace } from '../api/types'
import { Answer, Boundary } from './State'
import { TraceList } from './TraceList'
import { useApi } from './useApi'

afterEach(() => {
  cleanup()
  vi.unstubAllGlobals()
})

function Names() {
  const query = useApi<string[]>('names')
  return (
    <Answer query={query} empty={names => names.length === 0 && 'No names.'}>
      {names => <p>{names.join(', ')}</p>}
    </Answer>
  )
}

function show(...answers: Response[]) {
  vi.stubGlobal('fetch', async () => answers.shift())
  render(
    <QueryClientProvider client={new QueryClient({ defaultOptions: { queries: { retry: false } } })}>
      <MemoryRouter>
        <Names />
      </MemoryRouter>
    </QueryClientProvider>,
  )
}

test('an answer is loading, then there', async () => {
  show(Response.json(['a', 'b']))
  expect(screen.getByRole('status').textContent).toContain('Loading')
  expect(await screen.findByText('a, b')).toBeTruthy()
})

test('an answer with nothing in it says so', async () => {
  show(Response.json([]))
  expect(await screen.findByText('No names.')).toBeTruthy()
})

test('what the server refuses is told in its words, and can be tried again', async () => {
  show(Response.json({ detail: 'limit is "x"' }, { status: 400 }), Response.json(['a']))
  expect((await screen.findByRole('alert')).textContent).toContain('limit is "x"')
  fireEvent.click(screen.getByText('Try again'))
  expect(await screen.findByText('a')).toBeTruthy()
})

test('a page that cannot be drawn says so, and can be tried again', () => {
  vi.spyOn(console, 'error').mockImplementation(() => {})
  let isBroken = true
  const Page = () => {
    if (isBroken) throw new Error('no such column')
    return <p>drawn</p>
  }
  render(
    <Boundary>
      <Page />
    </Boundary>,
  )
  expect(screen.getByRole('alert').textContent).toContain('no such column')
  isBroken = false
  fireEvent.click(screen.getByText('Try again'))
  expect(screen.getByText('drawn')).toBeTruthy()
  vi.restoreAllMocks()
})

test('a trace in a list says why it is kept, what failed, and leads to the span that fits', () => {
  const trace: FoundTrace = {
    traceId: 'ab',
    rootService: 'shop',
    rootName: 'get',
    isRootMissing: true,
    startUnixNano: '1000000000',
    durationNanos: 5e6,
    spanCount: 3,
    errorCount: 1,
    kept: 'slow',
    weight: 1,
    services: [{ name: 'shop', spans: 3, errors: 1 }],
    matchCount: 1,
    spans: [{ spanId: '12', name: 'get', service: 'shop', durationNanos: 1, status: 'error' }],
  }
  render(
    <MemoryRouter initialEntries={['/search?last=3h']}>
      <TraceList traces={[trace]} />
    </MemoryRouter>,
  )
  const link = screen.getByRole('link')
  expect(link.getAttribute('href')).toBe('/traces/ab?last=3h&span=12')
  expect(link.textContent).toContain('1 failed')
  expect(link.textContent).toContain('kept: slow')
  expect(link.textContent).toContain('root missing')
})
