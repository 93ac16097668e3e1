import type { Schema } from '@/api/types'
import { money, whole } from '@/components/format'
import { t } from '@/i18n'

/** What switching a scenario to SMS would cost, in a sentence or two. */
export function inWords(told: Schema<'SmsForecast'>): string {
  if (!told.reachable) return t('buying.forecast.none', { days: told.days })
  const cost = t('buying.forecast.text', {
    days: told.days,
    messages: told.messages_per_day,
    parts: told.parts_per_day,
    day: money(told.cost_fen_per_day),
    month: money(told.cost_fen_per_month),
  })
  if (told.model !== 'package' || told.days_left === null) return cost
  return cost + t('buying.forecast.left', { n: whole(told.parts_left), days: whole(told.days_left) })
}
