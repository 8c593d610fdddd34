import { useState } from 'react'
import type { SystemAnswer } from '../../api/types'
import { ago, bytes, count } from '../../parts/format'
import { Empty, Figures, Panel } from '../../parts/State'
import { tiersOf } from './store'

const firstRows = 20

export function Files({ files }: { files: SystemAnswer['store']['files'] }) {
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
      <Figures columns={['Tier', 'Files', 'Size']}>
        {tiers.map(tier => (
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
        ))}
      </Figures>
      <details>
        <summary className="note">All files, the newest first</summary>
        <FileTable files={files} />
      </details>
    </Panel>
  )
}

function FileTable({ files }: { files: SystemAnswer['store']['files'] }) {
  const [isAll, setAll] = useState(false)
  return (
    <>
      <Figures columns={['File', 'Size', 'Written']}>
        {files.slice(0, isAll ? undefined : firstRows).map(file => (
          <tr key={file.name}>
            <th scope="row" className="mono">
              {file.name}
            </th>
            <td>{bytes(file.bytes)}</td>
            <td>{ago(file.writtenUnixSeconds)}</td>
          </tr>
        ))}
      </Figures>
      {!isAll && files.length > firstRows && (
        <button type="button" onClick={() => setAll(true)}>
          Show all {files.length}
        </button>
      )}
    </>
  )
}
