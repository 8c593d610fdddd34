import { type ReactNode, useMemo, useState } from 'react'

export type Sortable = number | string | null | undefined

export interface Column<Row> {
  name: string
  /** By what rows are ordered; nothing known comes last. Without it, rows are not ordered by this column. */
  of?: (row: Row) => Sortable
  /** More about the column, to read when it is pointed at. */
  title?: string
  /** Beside the name. */
  more?: ReactNode
  isText?: boolean
  className?: string
}

export interface Order {
  column: string
  descending: boolean
}

interface Props<Row> {
  columns: Column<Row>[]
  rows: Row[]
  /** The column that rows are ordered by at first, the most first; without it they stay as they are given. */
  first?: string
  /** Rows until a person asks for all of them. */
  most?: number
  /** A table of texts has no figures to align. */
  isText?: boolean
  className?: string
  /** The row, whose first cell is its header. */
  children: (row: Row, order: Order | null) => ReactNode
}

/** A table that can be ordered by its columns. */
export function Table<Row>({ columns, rows, first, most, isText, className, children }: Props<Row>) {
  const [order, setOrder] = useState<Order | null>(first ? { column: first, descending: true } : null)
  const [isAll, setAll] = useState(false)
  const value = order && columns.find(column => column.name === order.column)?.of
  const sorted = useMemo(() => (order && value ? ordered(rows, value, order.descending) : rows), [rows, order, value])
  const shown = isAll ? sorted : sorted.slice(0, most)
  const change = (column: Column<Row>) =>
    setOrder(after(order, column.name, typeof firstKnown(rows, column) !== 'string', first !== undefined))
  return (
    <>
      <div className="scroll">
        <table className={`${isText ? '' : 'figures'} ${className ?? ''}`}>
          <thead>
            <tr>
              {columns.map((column, i) => (
                <Head
                  key={column.name}
                  column={column}
                  isText={i === 0 || column.isText === true}
                  descending={order?.column === column.name ? order.descending : null}
                  onOrder={() => change(column)}
                />
              ))}
            </tr>
          </thead>
          <tbody>{shown.map(row => children(row, order))}</tbody>
        </table>
      </div>
      {shown.length < sorted.length && (
        <button type="button" onClick={() => setAll(true)}>
          Show all {sorted.length}
        </button>
      )}
    </>
  )
}

interface HeadProps<Row> {
  column: Column<Row>
  isText: boolean
  /** Null while rows are not ordered by it. */
  descending: boolean | null
  onOrder: () => void
}

function Head<Row>({ column, isText, descending, onOrder }: HeadProps<Row>) {
  const className = [isText && 'text', column.className].filter(Boolean).join(' ')
  if (!column.of) {
    return (
      <th scope="col" className={className} title={column.title}>
        {column.name} {column.more}
      </th>
    )
  }
  return (
    <th
      scope="col"
      className={className}
      title={column.title}
      aria-sort={descending === null ? 'none' : descending ? 'descending' : 'ascending'}
    >
      <button type="button" onClick={onOrder}>
        {column.name}
        <span className="arrow" aria-hidden="true">
          {descending === null ? '↕' : descending ? '↓' : '↑'}
        </span>
      </button>
      {column.more}
    </th>
  )
}

/**
 * The order after a press on a column: figures from the most, texts from A, then the other way round, then as the rows
 * are given, where that means something.
 */
export function after(order: Order | null, column: string, isFigure: boolean, isAlways: boolean): Order | null {
  if (order?.column !== column) return { column, descending: isFigure }
  return order.descending === isFigure || isAlways ? { column, descending: !order.descending } : null
}

function firstKnown<Row>(rows: Row[], column: Column<Row>): Sortable {
  return rows.map(row => column.of?.(row)).find(value => value !== null && value !== undefined)
}

/** Rows with the same value stay as they are. */
export function ordered<Row>(rows: Row[], value: (row: Row) => Sortable, descending: boolean): Row[] {
  const isKnown = (each: Sortable) => each !== null && each !== undefined && !Number.isNaN(each)
  return rows
    .map(row => [row, value(row)] as const)
    .sort(([, a], [, b]) => {
      if (!isKnown(a) || !isKnown(b)) return Number(isKnown(b)) - Number(isKnown(a))
      const difference =
        typeof a === 'number' && typeof b === 'number'
          ? a - b
          : String(a).localeCompare(String(b), 'en', { numeric: true })
      return descending ? -difference : difference
    })
    .map(([row]) => row)
}
