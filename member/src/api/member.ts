import { api, open } from './client'
import type {
  Balances,
  Coupon,
  CouponDetail,
  CouponState,
  MyCoupon,
  Entries,
  Me,
  Offer,
  Page,
  Purchase,
  Receipt,
  SignOff,
  Site,
  SpendCode,
  Transfer,
} from './types'

const at = '/api/member'

export const fetchSite = (m: string) => open<Site>('GET', `${at}/site`, { query: { m } })
export const openLink = (m: string, page: string) =>
  open<{ url: string }>('POST', `${at}/open-links`, { body: { m: Number(m), page } })

export const fetchMe = () => api<Me>('GET', `${at}/me`)
export const bindPhone = (code: string) => api<Me>('POST', `${at}/phone`, { body: { code } })
export const fetchBalances = () => api<Balances>('GET', `${at}/balances`)
export const fetchTransfers = (unit: 'points' | 'balance', cursor?: string) =>
  api<Page<Transfer>>('GET', `${at}/transfers`, { query: { unit, cursor, limit: 20 } })
export const fetchOffers = () => api<{ items: Offer[] }>('GET', `${at}/coupons/offers`)
export const claimOffer = (id: string, key: string) => api<Coupon>('POST', `${at}/coupons/offers/${id}/claim`, { key })
export const fetchCoupons = (state: CouponState, cursor?: string) =>
  api<Page<MyCoupon>>('GET', `${at}/coupons`, { query: { state, cursor, limit: 20 } })
export const fetchCoupon = (id: string) => api<CouponDetail>('GET', `${at}/coupons/${id}`)
export const fetchPurchases = (cursor?: string) =>
  api<Page<Purchase>>('GET', `${at}/purchases`, { query: { cursor, limit: 20 } })
export const fetchReceipt = (id: string) => api<Receipt>('GET', `${at}/purchases/${id}`)
export const fetchSignOff = (id: string) => api<SignOff>('GET', `${at}/sign-offs/${id}`)
export const newSpendCode = () => api<SpendCode>('POST', `${at}/spend-codes`)
export const fetchEntries = (pageName?: string) =>
  api<Entries>('GET', `${at}/subscriptions`, { query: { page_name: pageName } })
export const reportAnswers = (reportId: string, answers: Record<string, string>) =>
  api<{ remaining: Record<string, number> }>('POST', `${at}/subscriptions/results`, {
    body: { report_id: reportId, answers },
  })
