import type { Schema } from '@/api/types'
import type { Tone } from '@/components/StatusTag.vue'
import { money } from '@/components/format'
import { t } from '@/i18n'

/** `¥98.00`, or `¥98.00 – ¥188.00` when combinations differ. */
export function priceRange(row: { price_from_fen: number; price_to_fen: number }): string {
  const from = money(row.price_from_fen)
  return row.price_from_fen === row.price_to_fen ? from : `${from} – ${money(row.price_to_fen)}`
}

export const ORDER_TONES: Record<string, Tone> = {
  submitted: 'wait',
  paid: 'info',
  shipped: 'good',
  completed: 'good',
  closed: 'off',
}

/** The state of an order in a word; one that is being closed says so. */
export function orderState(order: { state: string; closing: string }): string {
  return t(order.state === 'submitted' && order.closing ? 'mall.closing' : `mall.orderState.${order.state}`)
}

/** Yuan as people type them, from fen, without a sign. */
export function yuanText(fen: number): string {
  return (fen / 100).toFixed(2)
}

/** What a member last recharged, with the gift that came with it. */
export function lastRecharge(row: Schema<'WithdrawalRow'>): string {
  const last = row.last_recharge
  if (!last) return t('mall.withdrawal.never')
  return last.gift_fen ? t('mall.withdrawal.withGift', { paid: money(last.paid_fen), gift: money(last.gift_fen) }) : money(last.paid_fen)
}

export const WITHDRAWAL_TONES: Record<string, Tone> = { asked: 'wait', paid: 'good', rejected: 'bad' }
export const REFUND_TONES: Record<string, Tone> = { pending: 'wait', succeeded: 'good', failed: 'bad' }
