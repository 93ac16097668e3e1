import { createI18n } from 'vue-i18n'

import { en } from './en'
import { zhCN } from './zh-CN'

export type Language = 'zh-CN' | 'en'

export const i18n = createI18n({
  legacy: false,
  locale: 'zh-CN',
  fallbackLocale: 'zh-CN',
  messages: { 'zh-CN': zhCN, en },
})

export const t = i18n.global.t
export const known = i18n.global.te

export const language = (): Language => i18n.global.locale.value as Language

export function speak(wanted: Language): void {
  i18n.global.locale.value = wanted
}

/** The language of a system setting: Chinese unless it clearly names another. */
export function languageOf(setting: string): Language {
  return !setting || /^zh/i.test(setting) ? 'zh-CN' : 'en'
}

/** A scenario's name in the reader's language; `label` is the server's, for scenarios that we do not know yet. */
export function scenarioName(code: string, label: string): string {
  return known(`scenario.${code}`) ? t(`scenario.${code}`) : label
}
