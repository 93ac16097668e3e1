/** What the member centre's doors answer (docs/api/openapi.json names the doors). */

export interface Balances {
  points: number
  balance_fen: number
  principal_fen: number
  gift_fen: number
}

export interface Member {
  id: string
  card_no: string
  card_qr: string
  name: string
  phone: string | null
  level: string
  level_name?: string
  state: string
}

export interface Me {
  merchant: string
  member: Member | null
}

export interface Page<T> {
  items: T[]
  next_cursor: string | null
}

export interface Transfer {
  unit: string
  seq: number
  amount: number
  balance_after: number
  reason: string
  source_type: string
  source_id: string
  at: string
}

export interface CouponTerms {
  id: string
  name: string
  kind: 'cash' | 'discount' | 'gift'
  amount_fen: number
  threshold_fen: number
  discount_bp: number
  per_member: number
  valid_from: string | null
  valid_to: string | null
  valid_days: number | null
  note: string
  left: number
}

export interface Offer extends CouponTerms {
  taken: number
}

export type CouponState = 'issued' | 'used' | 'expired' | 'void' | 'returned'

export interface Coupon {
  id: string
  code: string
  name: string
  state: CouponState
  valid_from: string
  valid_until: string
  used_at: string | null
}

export interface CouponDetail extends Coupon {
  qr?: string
  template: CouponTerms
}

export interface Purchase {
  id: string
  store_name: string
  till_no: string
  total_fen: number
  balance_fen: number
  points: number
  refunded_fen: number
  occurred_at: string
}

export interface Receipt extends Purchase {
  items: { name?: string; count?: number; price_fen?: number }[]
}

export interface SpendCode {
  code: string
  qr: string
  seconds: number
  expires_at: string
}

export interface Entry {
  scenario: string
  label: string
  template_id: string
  remaining: number
}

export interface Entries {
  show_entry: boolean
  items: Entry[]
}

export interface SignOff {
  order_no: string
  sign_at: string
  remind_at: string
}
