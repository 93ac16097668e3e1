import { has, t, word } from '@/i18n'
import type { Tone } from './StatusTag.vue'

const TONES: Record<string, Tone> = {
  delivered: 'good',
  accepted: 'info',
  queued: 'wait',
  retrying: 'wait',
  unknown: 'wait',
  failed: 'bad',
  dead: 'bad',
  not_attempted: 'off',
}

export function deliveryTone(state: string): Tone {
  return TONES[state] ?? 'off'
}

/** What became of a message: an SMS that its provider took is not yet delivered, and says so. */
export function stateText(state: string, channel?: string | null): string {
  return channel === 'sms' && state === 'accepted' ? t('delivery.smsAccepted') : word('delivery.state', state)
}

/** Why a message was not sent, in words; a code that is newer than this page stays as it is. */
export function reasonText(reason: string | null | undefined): string {
  if (!reason) return ''
  const whole = reason.replace(/[\s:]+/g, '_')
  if (has(`delivery.reason.${whole}`)) return t(`delivery.reason.${whole}`)
  const [code = '', detail = ''] = reason.split(':')
  if (code === 'merged_into') return t('delivery.reason.merged_into', { scenario: word('scenario', detail) })
  if (has(`delivery.reason.${code}`)) return t(`delivery.reason.${code}`)
  const [source = ''] = code.split('.')
  return has(`delivery.refusedBy.${source}`) ? t(`delivery.refusedBy.${source}`, { code: reason }) : reason
}
