import { useQuery, useQueryClient } from '@tanstack/vue-query'
import { computed } from 'vue'
import { api, read } from '@/api/client'
import { Problem } from '@/api/problem'
import type { Schema } from '@/api/types'
import { confirmDanger } from '@/components/confirm'
import { t } from '@/i18n'

export { useScenarios as useNotices, type Family } from '@/pages/messaging/scenarios'
export type Policy = Schema<'Scenario'>['policy']

/** The store's SMS texts with the scenarios for new ones. */
export function useTexts(enabled: () => boolean = () => true) {
  return useQuery({
    queryKey: ['sms-templates'],
    queryFn: () => read(api.GET('/api/console/messaging/sms-templates')),
    enabled: computed(enabled),
  })
}

/** Whether the connected account is of the kind that WeChat asks for. */
export function useFitness(channel: 'template' | 'subscribe', enabled: () => boolean = () => true) {
  return useQuery({
    queryKey: ['fitness', channel],
    queryFn: () => read(api.GET('/api/console/messaging/fitness', { params: { query: { channel } } })),
    enabled: computed(enabled),
    staleTime: 60_000,
  })
}

/** Everything that a save of notices may have changed. */
export function useRefresh(): () => Promise<void> {
  const queries = useQueryClient()
  return async () => {
    await Promise.all(['scenarios', 'templates', 'sms-templates'].map((key) => queries.invalidateQueries({ queryKey: [key] })))
  }
}

const MISFITS = ['messaging.industry_mismatch', 'messaging.category_mismatch']

/** Save; when the account is of the wrong kind, say so and save nevertheless only when the person wants it. */
export async function saveDespite<T>(save: (despite: boolean) => Promise<T>): Promise<T | null> {
  try {
    return await save(false)
  } catch (refusal) {
    if (!(refusal instanceof Problem) || !MISFITS.includes(refusal.code)) throw refusal
    const sure = await confirmDanger({
      title: t('notify.despite.title'),
      text: `${refusal.message}${t('notify.despite.text')}`,
      action: t('notify.despite.action'),
    })
    return sure ? await save(true) : null
  }
}
