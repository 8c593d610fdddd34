import type { SystemAnswer } from '../../api/types'

export type StoredFile = SystemAnswer['store']['files'][number]

export interface Part {
  name: string
  files: number
  bytes: number
}

const parts: [name: string, pattern: RegExp][] = [
  ['Just written', /\.log$/],
  ['Spans', /\.blob$/],
  ['What leads to them, names, latencies', /\.sst$/],
]

/** What the embedded store has, by the names of its files. */
export function partsOf(files: StoredFile[]): Part[] {
  return parts.map(([name, pattern]) => {
    const own = files.filter(file => pattern.test(file.name))
    return { name, files: own.length, bytes: own.reduce((sum, file) => sum + file.bytes, 0) }
  })
}
