/** How a figure differs from that of the base period. Down is good for durations and errors. */
export function Delta({ ratio, neutral }: { ratio: number | null | undefined; neutral?: boolean }) {
  if (ratio === null || ratio === undefined) return null
  const percent = Math.round((ratio - 1) * 100)
  if (Math.abs(percent) < 3) return <span className="delta">±0</span>
  const text = percent >= 1000 ? `×${Math.round(ratio)}` : `${Math.abs(percent)}%`
  const kind = neutral ? '' : percent > 0 ? ' worse' : ' better'
  return (
    <span className={`delta${kind}`} title={`${percent > 0 ? '+' : ''}${percent} % against the base period`}>
      {percent > 0 ? '▲' : '▼'}
      {text}
    </span>
  )
}
