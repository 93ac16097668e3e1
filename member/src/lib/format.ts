const SHOP_OFFSET_MS = 8 * 3600 * 1000

/** 1250 → 12.50 */
export function yuan(fen: number): string {
  const sign = fen < 0 ? '-' : ''
  const parts = (Math.abs(fen) / 100).toFixed(2).split('.')
  return `${sign}${grouped(parts[0] ?? '0')}.${parts[1] ?? '00'}`
}

/** 500 → 5, 550 → 5.5: how a coupon tells its worth. */
export function shortYuan(fen: number): string {
  return String(fen / 100)
}

export function count(value: number): string {
  return `${value < 0 ? '-' : ''}${grouped(String(Math.abs(value)))}`
}

export function signed(text: string): string {
  return text.startsWith('-') ? text : `+${text}`
}

function grouped(digits: string): string {
  return digits.replace(/\B(?=(\d{3})+$)/g, ',')
}

/** A moment as the shop's clock shows it: 2026-11-21 14:32. */
export function moment(iso: string): string {
  const shown = new Date(new Date(iso).getTime() + SHOP_OFFSET_MS).toISOString()
  return `${shown.slice(0, 10)} ${shown.slice(11, 16)}`
}

export function day(iso: string): string {
  return iso.length === 10 ? iso : moment(iso).slice(0, 10)
}

/** 123456789012345678 → 1234 5678 9012 3456 78 */
export function byFour(digits: string): string {
  return digits.replace(/(.{4})(?=.)/g, '$1 ')
}
