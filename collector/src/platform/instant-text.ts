const msPerDay = 86_400_000

let lastDay = NaN
let lastDayText = ''

/** `toISOString` in the years 0 to 9999, some ten times as fast, since events of one day come together. */
export function instantText(time: number): string {
  const day = Math.floor(time / msPerDay)
  if (day !== lastDay) {
    lastDayText = new Date(time).toISOString().slice(0, 11)
    lastDay = day
  }
  const ms = time - day * msPerDay
  const second = Math.floor(ms / 1000)
  const minute = Math.floor(second / 60)
  const hour = Math.floor(minute / 60)
  const fraction = ms - second * 1000
  return `${lastDayText}${two(hour)}:${two(minute - hour * 60)}:${two(second - minute * 60)}.${three(fraction)}Z`
}

const pairs = Array.from({ length: 100 }, (_, index) => String(index).padStart(2, '0'))

function two(value: number): string {
  return pairs[value] ?? ''
}

function three(value: number): string {
  return value < 100 ? `0${two(value)}` : String(value)
}
