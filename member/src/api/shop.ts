import { api } from './client'
import type {
  MallHome,
  MyOrder,
  OrderCard,
  OrderState,
  Page,
  ProductCard,
  Recharge,
  RechargeOptions,
  RechargeStarted,
  ShopProduct,
  ToPay,
  Withdrawal,
  WithdrawOptions,
} from './types'

const at = '/api/member/mall'

export const fetchMall = () => api<MallHome>('GET', at)
export const fetchProducts = (cursor?: string, q?: string) =>
  api<Page<ProductCard>>('GET', `${at}/products`, { query: { cursor, q, limit: 20 } })
export const fetchProduct = (id: string) => api<ShopProduct>('GET', `${at}/products/${id}`)

export interface OrderForm {
  items: { sku_id: string; count: number }[]
  total_fen: number
  receiver: string
  phone: string
  address: string
  note: string
}

export const submitOrder = (body: OrderForm, key: string) => api<{ id: string }>('POST', `${at}/orders`, { body, key })
export const fetchOrders = (state: OrderState | '', cursor?: string) =>
  api<Page<OrderCard>>('GET', `${at}/orders`, { query: { state, cursor, limit: 20 } })
export const fetchOrder = (id: string) => api<MyOrder>('GET', `${at}/orders/${id}`)
export const payOrder = (id: string) => api<ToPay>('POST', `${at}/orders/${id}/pay`)
export const askOrder = (id: string) => api<undefined>('POST', `${at}/orders/${id}/ask`)
export const cancelOrder = (id: string) => api<undefined>('POST', `${at}/orders/${id}/cancel`)
export const receiveOrder = (id: string) => api<undefined>('POST', `${at}/orders/${id}/receive`)

export const fetchRechargeOptions = () => api<RechargeOptions>('GET', `${at}/recharge-options`)
export const startRecharge = (paid_fen: number, key: string) =>
  api<RechargeStarted>('POST', `${at}/recharges`, { body: { paid_fen }, key })
export const fetchRecharge = (id: string) => api<Recharge>('GET', `${at}/recharges/${id}`)
export const askRecharge = (id: string) => api<undefined>('POST', `${at}/recharges/${id}/ask`)

export const fetchWithdrawOptions = () => api<WithdrawOptions>('GET', `${at}/withdraw-options`)
export const fetchWithdrawals = (cursor?: string) =>
  api<Page<Withdrawal>>('GET', `${at}/withdrawals`, { query: { cursor, limit: 20 } })
export const askWithdrawal = (body: { amount_fen: number; way: string; payee: string }, key: string) =>
  api<{ id: string }>('POST', `${at}/withdrawals`, { body, key })
