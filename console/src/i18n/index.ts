import { nextTick, ref } from 'vue'
import { createI18n } from 'vue-i18n'

export type Locale = 'zh-CN' | 'en'
export const LOCALES: Locale[] = ['zh-CN', 'en']
const KEPT_AS = 'huida.language'

type Texts = Record<string, unknown>
const sources: Record<Locale, () => Promise<{ texts: Texts }>> = {
  'zh-CN': () => import('./zh-CN/index'),
  en: () => import('./en/index'),
}

export const i18n = createI18n({
  legacy: false,
  locale: 'zh-CN',
  fallbackLocale: 'zh-CN',
  missingWarn: false,
  fallbackWarn: false,
  warnHtmlMessage: false,
})

export type I18nT = (key: string, named?: Record<string, unknown>) => string
export const locale = ref<Locale>('zh-CN')
export const t: I18nT = (key, named) => i18n.global.t(key, named ?? {})
/** Whether there is a text of this key: for codes that the server may add. */
export const has = (key: string): boolean => i18n.global.te(key, locale.value)
/** The text of a code, or the code itself when it is newer than this page. */
export const word = (group: string, code: string): string => (has(`${group}.${code}`) ? t(`${group}.${code}`) : code)

export function wanted(): Locale {
  const kept = localStorage.getItem(KEPT_AS)
  if (kept === 'zh-CN' || kept === 'en') return kept
  return navigator.language.toLowerCase().startsWith('zh') ? 'zh-CN' : 'en'
}

/** Switch the language; its texts are loaded when they are first needed. */
export async function speak(next: Locale): Promise<void> {
  i18n.global.setLocaleMessage(next, (await sources[next]()).texts as never)
  i18n.global.locale.value = next as never
  locale.value = next
  document.documentElement.lang = next
  localStorage.setItem(KEPT_AS, next)
  await nextTick()
}
