import { useRouter, type RouteLocationRaw } from 'vue-router'
import { may } from '@/api/session'

/** Where a step of the checklist, or something that needs a person, is dealt with: names of routes. */
const PLACES: Record<string, string> = {
  entitled: 'settings',
  not_entitled: 'settings',
  store: 'stores',
  mini_program: 'connections',
  official_account: 'connections',
  connection_broken: 'connections',
  subscribe_open: 'connections',
  subscribe_not_open: 'connections',
  template: 'my-templates',
  template_gone: 'notices',
  scenario: 'notices',
  scenario_none: 'notices',
  scenario_paused: 'notices',
  member: 'members',
  credit: 'notices',
  no_quota: 'deliveries',
  till_key: 'keys',
  first_message: 'purchases',
  messages_dead: 'deliveries',
  sms_signature: 'sms',
  signature_rejected: 'sms',
  sms_not_set_up: 'sms',
  sms_no_balance: 'notify-sms-purchase',
  sms_low: 'notify-sms-purchase',
  sms_budget_hard: 'notify-sms-purchase',
  sms_budget_soft: 'notify-sms-purchase',
  codes_limit_hour: 'notify-buyers',
  codes_limit_day: 'notify-buyers',
  staff: 'staff',
}

/** Notices of the mall have their own pages. */
function placeOfNotice(scenario: string): string {
  if (scenario.startsWith('code_')) return 'notify-templates'
  if (scenario.startsWith('seller_')) return 'notify-sellers'
  return /^(order_|buyer_|coupon_given)/.test(scenario) ? 'notify-buyers' : 'notices'
}

const QUERIES: Record<string, Record<string, string>> = {
  messages_dead: { state: 'dead' },
  no_quota: { state: 'not_attempted' },
  codes_limit_hour: { group: 'codes' },
  codes_limit_day: { group: 'codes' },
}

/** A function from a code to its page; null when this person may not open it. */
export function usePlaces(): (code: string, subject?: string | null) => RouteLocationRaw | null {
  const router = useRouter()
  return (code, subject) => {
    const name = code.startsWith('template_') && subject ? placeOfNotice(subject) : PLACES[code]
    if (!name || !router.hasRoute(name)) return null
    const place = router.resolve({ name, query: QUERIES[code] })
    return may(place.meta.may) ? { name, query: QUERIES[code] } : null
  }
}
