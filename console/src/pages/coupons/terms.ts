import { money } from '@/components/format'
import { locale, t } from '@/i18n'

export interface Terms {
  kind: string
  amount_fen: number
  threshold_fen: number
  discount_bp: number
  valid_from?: string | null
  valid_to?: string | null
  valid_days?: number | null
  alone: boolean
  per_order: number
}

/** 8500 (85 % to pay) is said as "8.5" in Chinese and "15" (% off) in English. */
export function discountFigure(bp: number): string {
  return locale.value === 'en' ? String((10_000 - bp) / 100) : String(bp / 1000)
}

/** What a coupon is worth, in words. */
export function worthText(terms: Terms): string {
  if (terms.kind === 'cash') return t('coupons.worth.cash', { amount: money(terms.amount_fen) })
  if (terms.kind === 'discount') {
    const off = t('coupons.worth.discount', { figure: discountFigure(terms.discount_bp) })
    return terms.amount_fen ? t('coupons.worth.atMost', { off, most: money(terms.amount_fen) }) : off
  }
  return t('coupons.worth.gift')
}

export function thresholdText(terms: Terms): string {
  return terms.threshold_fen ? t('coupons.threshold.from', { amount: money(terms.threshold_fen) }) : t('coupons.threshold.none')
}

export function validityText(terms: Terms): string {
  if (terms.valid_days) return t('coupons.validity.days', { days: terms.valid_days })
  return t('coupons.validity.range', { from: terms.valid_from ?? '', to: terms.valid_to ?? '' })
}

/** How many of it one order takes, and whether others may stand beside it (B-25). */
export function orderText(terms: Terms): string {
  return terms.alone ? t('coupons.order.alone') : t('coupons.order.most', { count: terms.per_order })
}
