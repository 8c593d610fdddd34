import { useState } from 'react'
import type { SystemAnswer } from '../../api/types'
import { ago, bytes } from '../../parts/format'
import { Empty, Panel } from '../../parts/State'

const firstRows = 8

export function Files({ files }: { files: SystemAnswer['store']['files'] }) {
  const [isAll, setAll] = useState(false)
  if (files.length === 0) {
    return (
      <Panel title="Files">
        <Empty>This store has no files of its own.</Empty>
      </Panel>
    )
  }
  const largest = Math.max(...files.map(file => file.bytes), 1)
  return (
    <Panel title="Files of the store" note="the newest first">
      <table className="figures">
        <thead>
          <tr>
            <th scope="col">File</th>
            <th scope="col">Size</th>
            <th scope="col">Written</th>
          </tr>
        </thead>
        <tbody>
          {files.slice(0, isAll ? undefined : firstRows).map(file => (
            <tr key={file.name}>
              <th scope="row" className="mono">
                {file.name}
                <span className="meter">
                  <i style={{ width: `${(file.bytes / largest) * 100}%` }} />
                </span>
              </th>
              <td>{bytes(file.bytes)}</td>
              <td>{ago(file.writtenUnixSeconds)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {!isAll && files.length > firstRows && (
        <button type="button" onClick={() => setAll(true)}>
          Show all {files.length}
        </button>
      )}
    </Panel>
  )
}
