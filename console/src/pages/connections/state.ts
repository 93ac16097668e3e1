import type { Schema } from '@/api/types'
import type { Tone } from '@/components/StatusTag.vue'
import { t } from '@/i18n'

/** How an account is, in a tag: what the last check found. */
export function stateOf(app: Schema<'App'>): { tone: Tone; text: string } {
  if (app.state === 'disconnected') return { tone: 'off', text: t('connections.state.disconnected') }
  if (app.state === 'pending') return { tone: 'wait', text: t('connections.state.pending') }
  if (app.checks.some((check) => check.state === 'fail')) return { tone: 'bad', text: t('connections.state.broken') }
  if (app.checks.some((check) => check.state === 'warn')) return { tone: 'wait', text: t('connections.state.warned') }
  return { tone: 'good', text: t('connections.state.connected') }
}
