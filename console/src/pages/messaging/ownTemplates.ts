import { useQueryClient } from '@tanstack/vue-query'
import { ref, type Ref } from 'vue'
import { api, read } from '@/api/client'
import { confirmDanger } from '@/components/confirm'
import { done, told } from '@/components/notify'
import { t } from '@/i18n'
import { scenarioNames, useTemplates, type MyTemplate } from './scenarios'

type Own = {
  templates: ReturnType<typeof useTemplates>
  /** What the last fetch or deletion changed, for reading at leisure. */
  said: Ref<string>
  syncing: Ref<boolean>
  sync: () => Promise<void>
  remove: (row: MyTemplate) => Promise<void>
}

/** The account's own templates: fetched anew from WeChat, and deleted after a look at what uses them (S2-51, S2-52). */
export function useOwnTemplates(channel: 'subscribe' | 'template'): Own {
  const queries = useQueryClient()
  const templates = useTemplates(() => channel)
  const syncing = ref(false)
  const said = ref('')

  async function refreshed(): Promise<void> {
    await Promise.all(['templates', 'scenarios'].map((key) => queries.invalidateQueries({ queryKey: [key] })))
  }

  async function sync(): Promise<void> {
    syncing.value = true
    const before = new Set(templates.data.value?.items.map((one) => one.template_id))
    try {
      const answer = await read(api.POST('/api/console/messaging/templates/sync', { params: { query: { channel } } }))
      await refreshed()
      const now = templates.data.value?.items ?? []
      const added = now.filter((one) => !before.has(one.template_id)).length
      const gone = before.size + added - now.length
      said.value = t('templates.synced', { count: now.length, added, gone })
      if (answer.stopped.length) said.value += t('templates.syncStopped', { scenarios: scenarioNames(answer.stopped) })
    } catch (refusal) {
      told(refusal)
    } finally {
      syncing.value = false
    }
  }

  async function remove(row: MyTemplate): Promise<void> {
    const used = row.used_by.length > 0
    const sure = await confirmDanger({
      title: t('templates.remove.title', { title: row.title }),
      text: used ? t('templates.remove.used', { scenarios: scenarioNames(row.used_by) }) : t('templates.remove.unused'),
      action: used ? t('templates.remove.actionUsed') : t('common.remove'),
    })
    if (!sure) return
    try {
      const answer = await read(
        api.POST('/api/console/messaging/templates/{template_id}/remove', {
          params: { path: { template_id: row.template_id }, query: { channel } },
          body: { stop_scenarios: row.used_by },
        }),
      )
      const stopped = answer.stopped.length > 0
      said.value = stopped ? t('templates.remove.doneStopped', { title: row.title, scenarios: scenarioNames(answer.stopped) }) : ''
      done(t('templates.remove.done'))
    } catch (refusal) {
      told(refusal)
    }
    await refreshed()
  }

  return { templates, said, syncing, sync, remove }
}
