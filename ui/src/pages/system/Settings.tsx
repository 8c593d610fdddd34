import { useState } from 'react'
import type { SystemAnswer } from '../../api/types'
import { Panel } from '../../parts/State'
import { type Column, Table } from '../../parts/Table'

const columns: Column<SystemAnswer['settings'][number]>[] = [
  { name: 'Key', of: setting => setting.key },
  { name: 'Value', of: setting => setting.value },
  { name: 'What it does', of: setting => setting.text },
]

export function Settings({ settings }: { settings: SystemAnswer['settings'] }) {
  const [isAll, setAll] = useState(false)
  const changed = settings.filter(setting => setting.value !== setting.default)
  return (
    <Panel
      title="Settings"
      note={isAll ? `${changed.length} are not the defaults` : 'those that are not the defaults'}
      tools={
        <button type="button" onClick={() => setAll(!isAll)} aria-pressed={isAll}>
          All {settings.length}
        </button>
      }
    >
      <Table columns={columns} rows={isAll ? settings : changed} isText>
        {setting => (
          <tr key={setting.key}>
            <th scope="row" className="mono">
              {setting.key}
            </th>
            <td className="mono">
              {setting.value || '(none)'}
              {setting.value !== setting.default && (
                <span className="badge" title={`Default: ${setting.default}`}>
                  changed
                </span>
              )}
            </td>
            <td className="note">{setting.text}</td>
          </tr>
        )}
      </Table>
    </Panel>
  )
}
