import { dateYears, instantOfText } from './instant.ts'
import { type Reader, refuse } from './definition-reader.ts'
import { dateTimeframeTypes, segmentLimits, type Timeframe, timeframeTypes, type WindowUnit, windowUnits } from './segment-definition.ts'

/** Some are for dates alone: no event of the future is known, and none comes round. */
export function parseTimeframe(reader: Reader, of: 'event' | 'date'): Timeframe {
  const types = of === 'date' ? timeframeTypes : timeframeTypes.filter((known) => !dateTimeframeTypes.some((dateType) => dateType === known))
  const type = reader.oneOf('type', types, 'bad_window')
  switch (type) {
    case 'all-time':
      reader.allow(['type'])
      return { type }
    case 'in-the-last':
    case 'at-least-ago':
    case 'in-the-next': {
      reader.allow(['type', 'quantity', 'unit'])
      const unit = unitOf(reader)
      return { type, quantity: reader.whole('quantity', 1, segmentLimits.quantityMax[unit]), unit }
    }
    case 'between-ago': {
      reader.allow(['type', 'start', 'end', 'unit'])
      const unit = unitOf(reader)
      const start = reader.whole('start', 0, segmentLimits.quantityMax[unit])
      const end = reader.whole('end', 0, segmentLimits.quantityMax[unit])
      if (start >= end) refuse(`${reader.path}.end`, 'bad_window', 'start must be less than end: from `end` ago to `start` ago')
      return { type, start, end, unit }
    }
    case 'after':
    case 'before':
      reader.allow(['type', 'instant'])
      return { type, instant: instant(reader, 'instant') }
    case 'between': {
      reader.allow(['type', 'start', 'end'])
      const [start, end] = [instant(reader, 'start'), instant(reader, 'end')]
      if (start >= end) refuse(`${reader.path}.end`, 'bad_window', 'start must be before end')
      return { type, start, end }
    }
    case 'anniversary':
      reader.allow(['type'])
      return { type }
    case 'this-month':
    case 'anniversary-month':
      reader.allow(['type'])
      return { type }
    case 'calendar-month': {
      reader.allow(['type', 'month', 'year'])
      const month = reader.whole('month', 1, 12)
      return reader.has('year') ? { type, month, year: reader.whole('year', dateYears.least, dateYears.greatest) } : { type, month }
    }
    case 'anniversary-last':
    case 'anniversary-next': {
      reader.allow(['type', 'quantity', 'unit'])
      const unit = reader.oneOf('unit', ['day', 'week'] as const, 'bad_window')
      const { anniversaryDaysMax } = segmentLimits
      return { type, quantity: reader.whole('quantity', 1, unit === 'week' ? Math.floor(anniversaryDaysMax / 7) : anniversaryDaysMax), unit }
    }
  }
}

function unitOf(reader: Reader): WindowUnit {
  return reader.oneOf('unit', windowUnits, 'bad_window')
}

/** In one form, so that texts compare as instants do. */
function instant(reader: Reader, key: string): string {
  const text = reader.text(key)
  const ms = instantOfText(text)
  if (ms === null) return refuse(`${reader.path}.${key}`, 'bad_window', 'must be an ISO 8601 instant from 1900 to 2199, such as 2026-01-31T00:00:00.000Z')
  return new Date(ms).toISOString()
}
