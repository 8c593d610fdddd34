import type { DistributionAnswer } from '../../api/types'

export interface Bar {
  x: number
  y: number
  width: number
  height: number
  lower: number
  upper: number
  count: number
}

/** Bars of the same width on a logarithmic scale, and the outline of the base in shares of its own count. */
export function histogramOf(now: DistributionAnswer, base: DistributionAnswer | null, width: number, height: number) {
  const first = now.buckets[0]?.lowerNanos ?? 1
  const last = now.buckets.at(-1)?.upperNanos ?? 2
  const span = Math.log(last / first) || 1
  const x = (nanos: number) => Math.min(width, Math.max(0, (Math.log(nanos / first) / span) * width))
  const places = Math.max(8, Math.floor(width / 7))
  const shares = sharesOf(now, first, span, places)
  const baseShares = base && base.count > 0 ? sharesOf(base, first, span, places) : null
  const most = Math.max(...shares, ...(baseShares ?? []), 1e-9)
  const bars: Bar[] = shares.flatMap((value, i) =>
    value === 0
      ? []
      : [
          {
            x: (i / places) * width,
            width: Math.max(1, width / places - 1),
            y: height * (1 - value / most),
            height: Math.max(1, (height * value) / most),
            lower: first * Math.exp((i / places) * span),
            upper: first * Math.exp(((i + 1) / places) * span),
            count: value * now.count,
          },
        ],
  )
  const outline = baseShares
    ?.map((value, i) => {
      const y = (height * (1 - value / most)).toFixed(1)
      return `${i === 0 ? 'M' : 'L'}${((i / places) * width).toFixed(1)} ${y}H${(((i + 1) / places) * width).toFixed(1)}`
    })
    .join('')
  return { bars, outline: outline ?? null, x }
}

/** What lies beyond the ends is not shown: it would be a bar of another meaning. */
function sharesOf(answer: DistributionAnswer, first: number, span: number, places: number): number[] {
  const shares = new Array<number>(places).fill(0)
  for (const bucket of answer.buckets) {
    const middle = Math.sqrt(bucket.lowerNanos * bucket.upperNanos)
    const place = Math.floor((Math.log(middle / first) / span) * places)
    if (place >= 0 && place < places) shares[place] = (shares[place] ?? 0) + bucket.count / answer.count
  }
  return shares
}
