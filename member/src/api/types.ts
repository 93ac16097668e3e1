/** What the member's doors answer, as the API document says. */

import type { components } from './schema'

type Schemas = components['schemas']

export type Site = Schemas['Site']
export type Balances = Schemas['MyBalances']
export type Ripening = Schemas['Ripening']
export type Transfer = Schemas['Transfer']
export type CodeAsked = Schemas['CodeAsked']
export type CodeEntries = Schemas['CodeEntries']
export type Opened = Schemas['MemberSession']
export type Me = Schemas['MemberCentre']
export type Member = Schemas['OwnCard']
export type Coupon = Schemas['Coupon']
export type MyCoupon = Schemas['MyCoupon']
export type CouponDetail = Schemas['OwnCoupon']
export type CouponTerms = Schemas['CouponTemplate']
export type CouponState = Coupon['state']
export type Offer = Schemas['Offer']
export type Entries = Schemas['Subscriptions']
export type Entry = Entries['items'][number]
export type Purchase = Schemas['Purchase']
export type SignOff = Schemas['SignOff']
export type SpendCode = Schemas['SpendCodeView']

export type MallHome = Schemas['MallHome']
export type ProductCard = Schemas['ProductCard']
export type ShopProduct = Schemas['ShopProduct']
export type ShopSku = Schemas['ShopSku']
export type OrderCard = Schemas['OrderCard']
export type OrderState = OrderCard['state']
export type MyOrder = Schemas['MyOrder']
export type PayParameters = Schemas['JsapiParameters']
export type ToPay = Schemas['ToPay']
export type Recharge = Schemas['Recharge']
export type RechargeOptions = Schemas['RechargeOptions']
export type RechargeStarted = Schemas['RechargeStarted']
export type Withdrawal = Schemas['Withdrawal']
export type WithdrawOptions = Schemas['WithdrawOptions']

export interface Page<T> {
  items: T[]
  next_cursor: string | null
}

/** The lines of a purchase are what the till sent; these names are shown. */
export type Receipt = Omit<Schemas['Receipt'], 'items'> & {
  items: { name?: string; count?: number; price_fen?: number }[]
}
