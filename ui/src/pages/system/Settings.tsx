import { useState } from 'react'
import type { SystemAnswer } from '../../api/types'
import { Panel, Scroll } from '../../parts/State'

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
      <Scroll>
        <table>
          <thead>
            <tr>
              <th scope="col">Key</th>
              <th scope="col">Value</th>
              <th scope="col">What it does</th>
            </tr>
          </thead>
          <tbody>
            {(isAll ? settings : changed).map(setting => (
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
            ))}
          </tbody>
        </table>
      </Scroll>
    </Panel>
  )
}
