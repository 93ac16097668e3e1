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

/** Why a message was not sent, in words; a code of the provider stays as it is. */
export function reasonText(reason: string | null | undefined): string {
  if (!reason) return ''
  const [code = '', detail = ''] = reason.split(':')
  if (code === 'merged_into') return t('delivery.reason.merged_into', { scenario: word('scenario', detail) })
  return has(`delivery.reason.${code}`) ? t(`delivery.reason.${code}`) : reason
}
