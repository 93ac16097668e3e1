import { locale, t } from '@/i18n'

const ZONE = 'Asia/Shanghai'
const parts = new Intl.DateTimeFormat('en-CA', {
  timeZone: ZONE,
  year: 'numeric',
  month: '2-digit',
  day: '2-digit',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hourCycle: 'h23',
})

type Moment = string | Date | null | undefined

function pieces(at: string | Date): Record<string, string> {
  return Object.fromEntries(parts.formatToParts(new Date(at)).map((part) => [part.type, part.value]))
}

/** ¥ with two decimals from fen: `-¥1,234.50`. */
export function money(fen: number | null | undefined): string {
  if (fen === null || fen === undefined) return '–'
  const yuan = (Math.abs(fen) / 100).toLocaleString('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 })
  return `${fen < 0 ? '-' : ''}¥${yuan}`
}

/** The same with its sign, for movements: `+¥10.00`. */
export function signedMoney(fen: number): string {
  return (fen > 0 ? '+' : '') + money(fen)
}

export function signed(count: number): string {
  return (count > 0 ? '+' : '') + whole(count)
}

export function whole(count: number | null | undefined): string {
  return count === null || count === undefined ? '–' : count.toLocaleString('en-US')
}

/** Date and time in the shop's zone, whatever the browser's is. */
export function time(at: Moment): string {
  if (!at) return '–'
  const p = pieces(at)
  return `${p.year}-${p.month}-${p.day} ${p.hour}:${p.minute}`
}

export function timeToSecond(at: Moment): string {
  return at ? `${time(at)}:${pieces(at).second}` : '–'
}

/** The day in the shop's zone. A plain date stays what it is. */
export function day(at: Moment): string {
  if (!at) return '–'
  if (typeof at === 'string' && /^\d{4}-\d\d-\d\d$/.test(at)) return at
  return time(at).slice(0, 10)
}

/** How long ago, in words; the day when it is longer than a week. */
export function ago(at: Moment, now = new Date()): string {
  if (!at) return '–'
  const minutes = Math.round((now.getTime() - new Date(at).getTime()) / 60_000)
  if (minutes < 1) return t('common.time.now')
  if (minutes > 7 * 24 * 60) return day(at)
  const words = new Intl.RelativeTimeFormat(locale.value, { numeric: 'always', style: 'short' })
  if (minutes < 60) return words.format(-minutes, 'minute')
  if (minutes < 24 * 60) return words.format(-Math.floor(minutes / 60), 'hour')
  return words.format(-Math.floor(minutes / (24 * 60)), 'day')
}

/** The first moment of a shop day as the API wants it. */
export function startOf(shopDay: string): string {
  return `${shopDay}T00:00:00+08:00`
}

/** The first moment after a shop day. */
export function endOf(shopDay: string): string {
  const next = new Date(`${shopDay}T00:00:00Z`)
  next.setUTCDate(next.getUTCDate() + 1)
  return startOf(next.toISOString().slice(0, 10))
}

export function today(now = new Date()): string {
  return day(now)
}
