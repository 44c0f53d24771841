import type { JSX } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import UPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { monthTicks } from './report.ts'

export interface ChartProps {
  /** Said to who cannot see it. */
  readonly label: string
  /** Epoch seconds, rising. */
  readonly times: readonly number[]
  readonly values: readonly number[]
  readonly shape: 'bars' | 'line'
  readonly unit: 'day' | 'month'
  readonly formatValue: (value: number) => string
}

const chartHeight = 260
/** Pixels that the name of a month takes. */
const tickWidth = 80

/** A series over time in UTC, drawn again when the width or the colour scheme changes. */
export function Chart(props: ChartProps): JSX.Element {
  const place = useRef<HTMLDivElement>(null)
  const { label, times, values } = props
  useEffect(() => {
    const element = place.current
    if (element === null) return
    let plot: UPlot | null = null
    const draw = (): void => {
      plot?.destroy()
      plot = new UPlot(optionsOf(props, element), [[...times], [...values]], element)
    }
    const resized = new ResizeObserver(() => plot?.setSize({ width: element.clientWidth, height: chartHeight }))
    const scheme = matchMedia('(prefers-color-scheme: dark)')
    draw()
    resized.observe(element)
    scheme.addEventListener('change', draw)
    return () => {
      resized.disconnect()
      scheme.removeEventListener('change', draw)
      plot?.destroy()
    }
  }, [times, values, props.shape, props.unit, props.formatValue])
  return <div ref={place} class="chart" role="img" aria-label={label} />
}

function optionsOf({ shape, unit, formatValue }: ChartProps, element: HTMLElement): UPlot.Options {
  const colour = (name: string): string => getComputedStyle(element).getPropertyValue(name)
  const axis = { stroke: colour('--muted'), grid: { stroke: colour('--line'), width: 1 }, ticks: { show: false }, font: '12px system-ui, sans-serif' }
  const month = new Intl.DateTimeFormat('en-GB', { month: 'short', year: '2-digit', timeZone: 'UTC' })
  const day = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: 'numeric', timeZone: 'UTC' })
  return {
    width: element.clientWidth, height: chartHeight, padding: [12, 8, 0, 8],
    tzDate: (seconds) => UPlot.tzDate(new Date(seconds * 1_000), 'Etc/UTC'),
    cursor: { y: false, drag: { x: false, y: false }, points: { show: shape === 'line' } },
    legend: { live: true, markers: { show: false } },
    scales: { x: { range: (_, least, most) => padded(least, most, unit) }, y: { range: (_, least, most) => [Math.min(0, least), most <= 0 ? 1 : most * 1.08] } },
    axes: [
      {
        ...axis, grid: { show: false }, splits: (plot) => [...monthTicks(plot.scales['x']?.min ?? 0, plot.scales['x']?.max ?? 0, Math.floor(plot.width / tickWidth))],
        values: (_, splits) => splits.map((split) => month.format(split * 1_000)),
      },
      { ...axis, size: 76, values: (_, splits) => splits.map((split) => formatValue(split).replace(/\.00$/, '')) },
    ],
    series: [
      { label: unit === 'month' ? 'Month' : 'Day', value: (_, at) => (at === null ? '–' : (unit === 'month' ? month : day).format(at * 1_000)) },
      {
        label: shape === 'bars' ? 'Revenue' : 'Orders', stroke: colour('--accent'), fill: colour(shape === 'bars' ? '--accent-bar' : '--accent-soft'), width: shape === 'bars' ? 0 : 1.5,
        value: (_, value) => (value === null ? '–' : formatValue(value)), points: { show: false },
        ...(shape === 'bars' && UPlot.paths.bars !== undefined ? { paths: UPlot.paths.bars({ size: [0.7, 64], radius: 0.15 }) } : {}),
      },
    ],
  }
}

/** Half a period on either side, so that the first and the last bar stand whole. */
function padded(least: number, most: number, unit: 'day' | 'month'): [number, number] {
  const half = (unit === 'month' ? 16 : 0.6) * 86_400
  return [least - half, most + half]
}
