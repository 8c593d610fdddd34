interface SparkProps {
  /** Null where nothing is known. */
  values: (number | null)[]
  label: string
  width?: number
  height?: number
}

/** A small trend without axes. */
export function Spark({ values, label, width = 120, height = 26 }: SparkProps) {
  const max = Math.max(...values.map(value => value ?? 0), 1e-12)
  const x = (i: number) => (values.length < 2 ? width / 2 : 1 + (i / (values.length - 1)) * (width - 2))
  const y = (value: number) => height - 2 - (value / max) * (height - 4)
  let line = ''
  values.forEach((value, i) => {
    if (value === null) return
    const starts = i === 0 || values[i - 1] === null
    line += `${starts ? 'M' : 'L'}${x(i).toFixed(1)} ${y(value).toFixed(1)}`
  })
  return (
    <svg
      className="spark"
      width={width}
      height={height}
      viewBox={`0 0 ${width} ${height}`}
      role="img"
      aria-label={label}
    >
      <path d={line} />
    </svg>
  )
}
