import type { SystemAnswer } from '../../api/types'

type StoredFile = SystemAnswer['store']['files'][number]

/** Files that hold spans; the others are latencies, logs and locks. */
export function partitionsOf(files: StoredFile[]): StoredFile[] {
  return files.filter(file => /\.(duckdb|log)$/.test(file.name) && !file.name.startsWith('statistics'))
}
