// Times the pages in Chromium against a running server: node benchmarks/ui/measure.mjs http://127.0.0.1:9411
// Sends a trace of 100,000 spans and, where ../shared is, one of 1,041. Each page is opened five times in a new
// context, so that nothing is in its cache, after once that is
// not timed; said is the median.
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

const require = createRequire(new URL('../../ui/package.json', import.meta.url))
const { chromium } = require('playwright-core')
const base = process.argv[2] ?? 'http://127.0.0.1:9411'
const rounds = 5
const largeId = `${'0'.repeat(24)}00100000`

async function post(path, body) {
  const answer = await fetch(base + path, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
  if (!answer.ok) throw new Error(`${path} answered ${answer.status}: ${await answer.text()}`)
}

/** A span has a few below it, as deep as the logarithm. */
function largeTrace(count) {
  const start = BigInt(Date.now() - 60_000) * 1_000_000n
  const hex = number => number.toString(16).padStart(16, '0')
  const services = Array.from({ length: 20 }, () => [])
  for (let i = 1; i <= count; i++) {
    const from = start + BigInt(Math.floor(i / 4) * 1000)
    services[i % 20].push({
      traceId: largeId,
      spanId: hex(i),
      parentSpanId: i === 1 ? '' : hex(Math.max(1, i >> 2)),
      name: `step ${i % 97}`,
      kind: 1,
      startTimeUnixNano: String(from),
      endTimeUnixNano: String(from + BigInt((count - i) * 250 + 5000)),
      attributes: [{ key: 'item', value: { intValue: String(i) } }],
    })
  }
  return services.map((spans, i) =>
    JSON.stringify({
      resourceSpans: [
        {
          resource: { attributes: [{ key: 'service.name', value: { stringValue: `batch-${i}` } }] },
          scopeSpans: [{ spans }],
        },
      ],
    }),
  )
}

/** Until a frame after the one that has what is waited for. */
async function open(browser, path, selector) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 } })
  const page = await context.newPage()
  const start = performance.now()
  await page.goto(base + path)
  await page.locator(selector).first().waitFor()
  await page.evaluate(() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done))))
  return { page, millis: performance.now() - start }
}

async function median(browser, name, path, selector) {
  const all = []
  await (await open(browser, path, selector)).page.context().close()
  for (let i = 0; i < rounds; i++) {
    const { page, millis } = await open(browser, path, selector)
    all.push(millis)
    await page.context().close()
  }
  all.sort((a, b) => a - b)
  console.log(`${name}: ${all[rounds >> 1].toFixed(0)} ms (${all[0].toFixed(0)} to ${all.at(-1).toFixed(0)})`)
}

async function scroll(browser) {
  const { page } = await open(browser, `/traces/${largeId}`, '.row')
  await page.locator('.trace-tools .spinner').waitFor({ state: 'detached' })
  await page.waitForTimeout(1500)
  const longest = await page.evaluate(async () => {
    let most = 0
    new PerformanceObserver(list => {
      for (const task of list.getEntries()) most = Math.max(most, task.duration)
    }).observe({ entryTypes: ['longtask'] })
    const rows = document.querySelector('.rows')
    for (let i = 0; i < 200; i++) {
      rows.scrollTop += i < 100 ? 300 : rows.scrollHeight / 100
      await new Promise(done => requestAnimationFrame(done))
    }
    await new Promise(done => setTimeout(done, 300))
    return most
  })
  console.log(`longest task while scrolling 100,000 spans: ${longest === 0 ? 'under 50' : longest.toFixed(0)} ms`)
  await page.context().close()
}

async function script(browser) {
  const context = await browser.newContext()
  const page = await context.newPage()
  const files = new Map()
  page.on('response', answer => {
    if (answer.url().endsWith('.js')) files.set(answer.url(), Number(answer.headers()['content-length'] ?? 0))
  })
  for (const path of ['/', '/service?service=x', '/search', `/traces/${largeId}`, '/compare', '/dependencies', '/system', '/view'])
    await page.goto(base + path, { waitUntil: 'networkidle' })
  const total = [...files.values()].reduce((sum, each) => sum + each, 0)
  console.log(`JavaScript of all pages, gzipped: ${(total / 1000).toFixed(0)} kB in ${files.size} files`)
  await context.close()
}

for (const body of largeTrace(100_000)) await post('/v1/traces', body)
const recorded = new URL('../../../shared/traces/zipkin/lens-smartthings-mobile-web-install.json', import.meta.url)
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'],
})
await median(browser, 'first page usable', '/', '.figures tbody tr')
await median(browser, 'waterfall of 100,000 spans, first paint', `/traces/${largeId}`, '.row')
if (existsSync(recorded)) {
  const text = readFileSync(recorded, 'utf8')
  await post('/api/v2/spans', text)
  await median(browser, 'waterfall of 1,041 spans', `/traces/${JSON.parse(text)[0].traceId}`, '.row')
}
await scroll(browser)
await script(browser)
await browser.close()
