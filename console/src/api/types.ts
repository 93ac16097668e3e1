import type { components } from './schema'

/** A body or answer of the API by its name in the document. */
export type Schema<K extends keyof components['schemas']> = components['schemas'][K]

/** Answers that the API's document does not type yet. */
export interface Level {
  code: string
  name: string
  growth: number
  rate_bp: number
}

export interface GiftTier {
  from_fen: number
  gift_fen: number
  gift_points: number
}

export interface Rules {
  points_per_100_yuan: number
  store_rate_bp: Record<string, number>
  earn_on_balance: boolean
  levels: Level[]
  gift_tiers: GiftTier[]
  points_expire_months: number
}
