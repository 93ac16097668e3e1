import { defineStore } from 'pinia'
import { computed, ref } from 'vue'

import { api, hasKept, leave, Problem, startAfter } from '@/api/client'
import { bindByCode, fetchCodeEntries } from '@/api/entry'
import { bindPhone, fetchMe, fetchSite } from '@/api/member'
import type { CodeEntries, Me } from '@/api/types'
import { type Language, languageOf, speak, t } from '@/i18n'
import { flushReports } from '@/lib/subscribe'
import { type Environment, platform, PlatformError } from '@/platform'

/** Who is here and where: the environment, the merchant and the member. */
export const useSession = defineStore('session', () => {
  const environment = ref<Environment | null>(null)
  const me = ref<Me | null>(null)
  let starting: Promise<void> | null = null

  const member = computed(() => me.value?.member ?? null)
  /** Which ways in by phone the merchant has opened. */
  const entries = ref<CodeEntries | null>(null)
  /** Outside WeChat and not logged in by phone: the landing page is shown. */
  const outside = computed(() => environment.value?.kind === 'browser' && me.value === null)
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
    const { kind, merchant } = environment.value as Environment
    if (kind === 'browser' && !(await stillIn())) {
      entries.value = await fetchCodeEntries(merchant).catch(() => null)
      return
    }
    if (kind !== 'browser') me.value = await fetchMe()
    if (kind === 'oa' && member.value === null) entries.value = await fetchCodeEntries(merchant).catch(() => null)
    void flushReports()
  }

  /** In a browser: whether the session kept from before still holds. */
  async function stillIn(): Promise<boolean> {
    if (!hasKept()) return false
    try {
      me.value = await fetchMe()
      return true
    } catch (error) {
      if (!(error instanceof PlatformError)) throw error
      forget() // the session is over, and here WeChat opens no other
      return false
    }
  }

  function forget(): void {
    leave()
    me.value = null
  }

  async function logOut(): Promise<void> {
    await api('POST', '/api/member/logout').catch(() => undefined)
    forget()
    await loadMe()
  }

  async function bind(phone: string, code: string): Promise<void> {
    me.value = await bindByCode(phone, code)
  }

  async function join(code: string): Promise<void> {
    me.value = await bindPhone(code)
  }

  function choose(language: Language): void {
    platform.store.set('language', language)
    speak(language)
  }

  return { environment, me, member, entries, outside, shop, start, loadMe, join, bind, logOut, choose }
})

/** What to tell a person about a failure. */
export function told(error: unknown): string {
  if (error instanceof Problem) return error.message
  if (error instanceof PlatformError) return t(`platform.${error.code}`)
  return t('error.server')
}
