/** What the member's doors answer, as the API document says. */

import type { components } from './schema'

type Schemas = components['schemas']

export type Site = Schemas['Site']
export type Balances = Schemas['MemberBalances']
export type Transfer = Schemas['Transfer']
export type CodeAsked = Schemas['CodeAsked']
export type CodeEntries = Schemas['CodeEntries']
export type Opened = Schemas['MemberSession']
export type Me = Schemas['MemberCentre']
export type Member = Schemas['OwnCard']
export type Coupon = Schemas['Coupon']
export type CouponDetail = Schemas['OwnCoupon']
export type CouponTerms = Schemas['CouponTemplate']
export type CouponState = Coupon['state']
export type Offer = Schemas['Offer']
export type Entries = Schemas['Subscriptions']
export type Entry = Entries['items'][number]
export type Purchase = Schemas['Purchase']
export type SignOff = Schemas['SignOff']
export type SpendCode = Schemas['SpendCodeView']

export interface Page<T> {
  items: T[]
  next_cursor: string | null
}

/** The lines of a purchase are what the till sent; these names are shown. */
export type Receipt = Omit<Schemas['Receipt'], 'items'> & {
  items: { name?: string; count?: number; price_fen?: number }[]
}
