import type { SystemAnswer } from '../../api/types'

export type StoredFile = SystemAnswer['store']['files'][number]

export interface Tier {
  name: string
  files: number
  bytes: number
}

const tiers: [name: string, pattern: RegExp][] = [
  ['Being written', /\.open\.log$/],
  ['Sealed', /^\d+\.duckdb$/],
  ['Merged and thinned out', /^\d+-\d+\.duckdb$/],
  ['Latencies', /^statistics/],
]

/** What the embedded store has of each age of its spans, by the names of its files. */
export function tiersOf(files: StoredFile[]): Tier[] {
  return tiers.map(([name, pattern]) => {
    const own = files.filter(file => pattern.test(file.name))
    return { name, files: own.length, bytes: own.reduce((sum, file) => sum + file.bytes, 0) }
  })
}
