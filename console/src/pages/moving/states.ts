import type { Schema } from '@/api/types'
import { money, whole } from '@/components/format'
import type { Tone } from '@/components/StatusTag.vue'

export type Import = Schema<'ImportView'>
export type Unit = Schema<'UnitBalance'>['unit']

export const STATE_TONES: Record<Import['state'], Tone> = { planned: 'info', queued: 'wait', running: 'wait', stopped: 'off', done: 'good' }
export const STATUS_TONES: Record<Schema<'ImportLine'>['status'], Tone> = {
  created: 'good',
  updated: 'info',
  unchanged: 'off',
  refused: 'bad',
}

/** An amount of this unit as people read it: points whole, growth in points of growth (a yuan each), else yuan. */
export function amount(unit: Unit, value: number): string {
  if (unit === 'points') return whole(value)
  return unit === 'growth' ? whole(value / 100) : money(value)
}
