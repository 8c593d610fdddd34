import { ago, bytes, count } from '../../parts/format'
import { Empty, Panel } from '../../parts/State'
import { type Column, Table } from '../../parts/Table'
import { type StoredFile, type Tier, tiersOf } from './store'

const firstRows = 20

const ofTiers: Column<Tier>[] = [
  { name: 'Tier', of: tier => tier.name },
  { name: 'Files', of: tier => tier.files },
  { name: 'Size', of: tier => tier.bytes },
]

const ofFiles: Column<StoredFile>[] = [
  { name: 'File', of: file => file.name },
  { name: 'Size', of: file => file.bytes },
  { name: 'Written', of: file => file.writtenUnixSeconds },
]

export function Files({ files }: { files: StoredFile[] }) {
  if (files.length === 0) {
    return (
      <Panel title="What is stored">
        <Empty>This store has no files of its own.</Empty>
      </Panel>
    )
  }
  const tiers = tiersOf(files)
  const all = Math.max(1, ...tiers.map(tier => tier.bytes))
  return (
    <Panel title="What is stored">
      <Table columns={ofTiers} rows={tiers}>
        {tier => (
          <tr key={tier.name}>
            <th scope="row">
              {tier.name}
              <span className="meter">
                <i style={{ width: `${(tier.bytes / all) * 100}%` }} />
              </span>
            </th>
            <td>{count(tier.files)}</td>
            <td>{bytes(tier.bytes)}</td>
          </tr>
        )}
      </Table>
      <details>
        <summary className="note">All files, the newest first</summary>
        <Table columns={ofFiles} rows={files} most={firstRows}>
          {file => (
            <tr key={file.name}>
              <th scope="row" className="mono">
                {file.name}
              </th>
              <td>{bytes(file.bytes)}</td>
              <td>{ago(file.writtenUnixSeconds)}</td>
            </tr>
          )}
        </Table>
      </details>
    </Panel>
  )
}
