import { useQuery } from '@tanstack/vue-query'
import { computed } from 'vue'
import { api, read } from '@/api/client'
import { may } from '@/api/session'
import type { Schema } from '@/api/types'
import { has, locale, t, word } from '@/i18n'

export type Scenario = Schema<'Scenario'>
export type ScenarioChannel = Schema<'ScenarioChannel'>
export type Channel = ScenarioChannel['channel']
export type MyTemplate = Schema<'MyTemplate'>
export type Family = Scenario['family']
export type Variable = Schema<'Variable'>

export const CHANNELS: Channel[] = ['subscribe', 'sms', 'template']

export const channelName = (channel: string): string => word('delivery.channel', channel)
export const scenarioName = (code: string): string => word('scenario', code)
/** 「短信」「模板消息」 */
export const channelNames = (channels: readonly string[]): string => channels.map((one) => t('notices.quoted', { name: channelName(one) })).join('')
export const scenarioNames = (codes: readonly string[]): string =>
  codes.map((one) => t('notices.quoted', { name: scenarioName(one) })).join('')
export const variableName = (variable: Variable): string => (locale.value === 'en' ? variable.label_en : variable.label)
/** The page that a tap on the message opens, in words. */
export const pageName = (page: string): string => {
  const area = page.split('/')[1] ?? ''
  return has(`notices.page.${area}`) ? t(`notices.page.${area}`) : page
}

export const channelOf = (scenario: Scenario, channel: string): ScenarioChannel | undefined =>
  scenario.channels.find((one) => one.channel === channel)
export const liveOf = (scenario: Scenario): ScenarioChannel | undefined => scenario.channels.find((one) => one.live)

const BY_ITSELF = ['template_gone', 'template_deleted', 'template_changed', 'template_unapproved']
/** The channel that stopped without anybody switching it off, while no other is live. */
export const pausedOf = (scenario: Scenario): ScenarioChannel | undefined =>
  liveOf(scenario) ? undefined : scenario.channels.find((one) => BY_ITSELF.includes(one.paused_reason ?? ''))

/** The member scenarios, or those of other families, with their channels; `editable`: this person may change them now. */
export function useScenarios(families: readonly Family[] = []) {
  const query = useQuery({
    queryKey: ['scenarios', ...families],
    queryFn: () => read(api.GET('/api/console/messaging/scenarios', { params: { query: { family: [...families] } } })),
  })
  const locked = computed(() => query.data.value?.locked ?? false)
  const editable = computed(() => query.data.value !== undefined && !locked.value && may('messaging.edit'))
  return { query, locked, editable, items: computed(() => query.data.value?.items ?? []) }
}

export function useTemplates(channel: () => 'subscribe' | 'template', enabled: () => boolean = () => true) {
  return useQuery({
    queryKey: computed(() => ['templates', channel()]),
    queryFn: () => read(api.GET('/api/console/messaging/templates', { params: { query: { channel: channel() } } })),
    enabled: computed(enabled),
  })
}
