import { has, t, word } from '@/i18n'
import { money, time } from './format'

type Payload = Record<string, unknown>

/** Fields whose values are codes with words of their own: field → group of the texts. */
const CODES: Record<string, string> = {
  channel: 'delivery.channel',
  scenario: 'scenario',
  stopped: 'delivery.channel',
  fields: 'facts.field',
  scopes: 'keys.scope',
  module: 'facts.module',
  app_kind: 'connections.kind',
  state: 'delivery.state',
  source: 'facts.source',
  reason: 'facts.reason',
  policy: 'facts.policy',
  way: 'facts.way',
  change: 'facts.change',
  before: 'facts.value',
  after: 'facts.value',
  model: 'facts.value',
}

function shown(name: string, value: unknown): string {
  if (value === null || value === undefined || value === '') return '–'
  if (Array.isArray(value)) return value.length ? value.map((one) => shown(name, one)).join(t('facts.comma')) : t('common.none')
  if (typeof value === 'boolean') return value ? t('common.yes') : t('common.no')
  if (typeof value === 'number') return name.endsWith('_fen') ? money(value) : value.toLocaleString('en-US')
  if (typeof value === 'object') return pairs(value as Payload)
  const text = String(value)
  if (/^\d{4}-\d\d-\d\dT/.test(text)) return time(text)
  const group = CODES[name]
  return group ? word(group, text) : text
}

/** Fields with their values, in words. */
function pairs(value: Payload): string {
  const told = Object.entries(value).map(([name, one]) => `${word('facts.field', name)} ${shown(name, one)}`)
  return told.length ? told.join(t('facts.comma')) : t('common.none')
}

/** A fact as a sentence; a kind that is newer than this page shows its code and what it holds. */
export function sentence(kind: string, payload: Payload): string {
  const named = Object.fromEntries(Object.entries(payload).map(([name, value]) => [name, shown(name, value)]))
  const key = `facts.${kind}${variant(kind, payload)}`
  if (has(key)) return t(key, named)
  const rest = Object.entries(named).map(([name, value]) => `${name} ${value}`)
  return [kind, ...rest].join(' · ')
}

/** Some facts say different things by what they hold. */
function variant(kind: string, payload: Payload): string {
  if (kind === 'wechat.follow_changed') return payload.follows ? '.on' : '.off'
  if (kind === 'merchant.entitlement_changed') return payload.granted ? '.on' : '.off'
  if (kind === 'staff.changed' || kind === 'store.changed') {
    const fields = (payload.fields as string[] | undefined) ?? []
    if (fields.includes('created')) return '.created'
    if (fields.length === 1 && has(`facts.${kind}.${fields[0]}`)) return `.${fields[0]}`
    return '.other'
  }
  if (kind === 'member.left') return payload.principal_fen ? '.paid' : '.nothing'
  if (kind === 'order.purchase_recorded') return payload.balance_fen ? '.stored' : '.paid'
  if (kind === 'loyalty.value_moved') {
    if (payload.points && payload.balance_fen) return '.both'
    return payload.balance_fen ? '.balance' : '.points'
  }
  if (kind === 'sms.budget_reached' || kind === 'verification.codes_limited') return `.${String(payload.limit)}`
  if (kind === 'messaging.staff_bound') return payload.bound ? '.on' : '.off'
  if (kind === 'messaging.channel_saved') return (payload.stopped as unknown[] | undefined)?.length ? '.switched' : '.saved'
  return ''
}

/** Who did it, in words: a name when it is known. */
export function actorText(actor: string, name = ''): string {
  const [kind = ''] = actor.split(':')
  if (name) return name
  return t(has(`facts.actor.${kind}`) ? `facts.actor.${kind}` : 'facts.actor.system')
}
