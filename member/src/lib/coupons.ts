import type { CouponTerms } from '@/api/types'
import { t } from '@/i18n'
import { day, shortYuan } from './format'

/** What a coupon is worth, as large as it is told: ¥5, 8.5折, 兑换. */
export function worth(terms: CouponTerms): string {
  if (terms.kind === 'cash') return `¥${shortYuan(terms.amount_fen)}`
  if (terms.kind === 'discount') return t('coupon.discount', discount(terms))
  return t('coupon.gift')
}

/** 8500 of 10,000 is 8.5折, or 15% off. */
function discount(terms: CouponTerms): { n: string; off: string } {
  return { n: String(terms.discount_bp / 1000), off: String((10_000 - terms.discount_bp) / 100) }
}

/** From which amount on it counts, and what it takes off at most: what the till will go by (U-14). */
export function limits(terms: CouponTerms): string {
  const from = terms.threshold_fen ? t('coupon.over', { n: shortYuan(terms.threshold_fen) }) : t('coupon.any')
  const capped = terms.kind === 'discount' && terms.amount_fen > 0 ? [t('coupon.most', { n: shortYuan(terms.amount_fen) })] : []
  const order = terms.alone ? t('coupon.alone') : t('coupon.per_order', { n: terms.per_order })
  return [from, ...capped, order].join(' · ')
}

export function validity(terms: CouponTerms): string {
  if (terms.valid_days !== null) return t('coupon.days', { n: terms.valid_days })
  return t('coupon.until', { day: day(terms.valid_to ?? '') })
}
