import { ago, bytes, count } from '../../parts/format'
import { Empty, Panel } from '../../parts/State'
import { type Column, Table } from '../../parts/Table'
import { type Part, partsOf, type StoredFile } from './store'

const firstRows = 20

const ofParts: Column<Part>[] = [
  { name: 'What', of: part => part.name },
  { name: 'Files', of: part => part.files },
  { name: 'Size', of: part => part.bytes },
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
  const parts = partsOf(files)
  const all = Math.max(1, ...parts.map(part => part.bytes))
  return (
    <Panel title="What is stored">
      <Table columns={ofParts} rows={parts}>
        {part => (
          <tr key={part.name}>
            <th scope="row">
              {part.name}
              <span className="meter">
                <i style={{ width: `${(part.bytes / all) * 100}%` }} />
              </span>
            </th>
            <td>{count(part.files)}</td>
            <td>{bytes(part.bytes)}</td>
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
