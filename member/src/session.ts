import { defineStore } from 'pinia'
import { computed, ref } from 'vue'

import { Problem, startAfter } from '@/api/client'
import { bindPhone, fetchMe, fetchSite } from '@/api/member'
import type { Me } from '@/api/types'
import { type Language, languageOf, speak, t } from '@/i18n'
import { flushReports } from '@/lib/subscribe'
import { type Environment, platform, PlatformError } from '@/platform'

/** Who is here and where: the environment, the merchant and the member. */
export const useSession = defineStore('session', () => {
  const environment = ref<Environment | null>(null)
  const me = ref<Me | null>(null)
  let starting: Promise<void> | null = null

  const member = computed(() => me.value?.member ?? null)
  /** Outside WeChat nobody can be logged in: only the landing page is shown. */
  const outside = computed(() => environment.value?.kind === 'browser')
  const shop = computed(() => me.value?.merchant || environment.value?.shop || '')

  /** Find out where we are, once; a failed start is tried again by the next call. */
  function start(): Promise<void> {
    if (starting === null) {
      starting = find().catch((error) => {
        starting = null
        throw error
      })
      startAfter(starting)
    }
    return starting
  }

  async function find(): Promise<void> {
    const found = await platform.start(fetchSite)
    const chosen = platform.store.get('language') as Language | ''
    speak(chosen || languageOf(found.language))
    environment.value = found
  }

  async function loadMe(): Promise<void> {
    await start()
    if (outside.value) return
    me.value = await fetchMe()
    void flushReports()
  }

  async function join(code: string): Promise<void> {
    me.value = await bindPhone(code)
  }

  function choose(language: Language): void {
    platform.store.set('language', language)
    speak(language)
  }

  return { environment, me, member, outside, shop, start, loadMe, join, choose }
})

/** What to tell a person about a failure. */
export function told(error: unknown): string {
  if (error instanceof Problem) return error.message
  if (error instanceof PlatformError) return t(`platform.${error.code}`)
  return t('error.server')
}
