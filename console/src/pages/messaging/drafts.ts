import { keepPreviousData, useQuery } from '@tanstack/vue-query'
import { computed, onBeforeUnmount, onMounted, reactive, ref, watch, type Ref } from 'vue'
import { onBeforeRouteLeave } from 'vue-router'
import { api, read } from '@/api/client'
import { confirmDanger } from '@/components/confirm'
import type { PickedMember } from '@/components/MemberPicker.vue'
import { t } from '@/i18n'
import { channelOf, CHANNELS, type Channel, type Scenario } from './scenarios'

export interface Draft {
  template_id: string
  mapping: Record<string, string>
}

const copy = (draft: Draft): Draft => ({ template_id: draft.template_id, mapping: { ...draft.mapping } })
const same = (a: Draft, b: Draft): boolean => {
  const set = (draft: Draft): string =>
    JSON.stringify([draft.template_id, ...Object.entries(draft.mapping).filter(([, value]) => value).sort()])
  return set(a) === set(b)
}

/** What is being written for each channel of a scenario, next to what is saved. */
export function useDrafts(scenario: Ref<Scenario | undefined>) {
  const saved = (channel: Channel): Draft => {
    const kept = scenario.value ? channelOf(scenario.value, channel) : undefined
    return { template_id: kept?.template_id ?? '', mapping: kept?.mapping ?? {} }
  }
  const drafts = reactive(Object.fromEntries(CHANNELS.map((one) => [one, { template_id: '', mapping: {} }]))) as Record<Channel, Draft>
  const before = new Map<Channel, Draft>()

  function take(): void {
    for (const channel of CHANNELS) {
      const last = before.get(channel)
      if (!last || same(drafts[channel], last)) drafts[channel] = copy(saved(channel))
      before.set(channel, copy(saved(channel)))
    }
  }
  watch(scenario, take, { immediate: true })

  const changed = (channel: Channel): boolean => channel !== 'sms' && !same(drafts[channel], saved(channel))
  const dirty = computed(() => CHANNELS.some(changed))
  const undo = (channel: Channel): void => {
    drafts[channel] = copy(saved(channel))
  }
  return { drafts, changed, dirty, undo }
}

/** Ask before changes are lost: by leaving the page or by closing the window. */
export function useGuard(dirty: () => boolean): void {
  const closing = (event: BeforeUnloadEvent): void => {
    if (dirty()) event.preventDefault()
  }
  onMounted(() => window.addEventListener('beforeunload', closing))
  onBeforeUnmount(() => window.removeEventListener('beforeunload', closing))
  onBeforeRouteLeave(async () => {
    if (!dirty()) return true
    return confirmDanger({ title: t('notices.leave.title'), text: t('notices.leave.text'), action: t('notices.leave.action') })
  })
}

/** A value that follows another once that has stood still for a while. */
function still<T>(source: () => T, ms: number): Ref<T> {
  const value = ref(source()) as Ref<T>
  let timer: ReturnType<typeof setTimeout> | undefined
  watch(
    source,
    (now) => {
      clearTimeout(timer)
      timer = setTimeout(() => {
        value.value = now
      }, ms)
    },
    { deep: true },
  )
  onBeforeUnmount(() => clearTimeout(timer))
  return value
}

/** What the server says about a draft: troubles, suggestion, preview with samples or with a member's own values. */
export function useCheck(code: () => string, channel: () => Channel, draft: () => Draft, member: () => PickedMember | null) {
  const asked = still(() => JSON.stringify(draft()), 300)
  return useQuery({
    queryKey: computed(() => ['check', code(), channel(), asked.value, member()?.id ?? '']),
    queryFn: () =>
      read(
        api.POST('/api/console/messaging/scenarios/{scenario}/channels/{channel}/check', {
          params: { path: { scenario: code(), channel: channel() } },
          body: { ...(JSON.parse(asked.value) as Draft), member_id: member()?.id ?? null },
        }),
      ),
    enabled: computed(() => channel() === 'sms' || draft().template_id !== ''),
    placeholderData: keepPreviousData,
    staleTime: 0,
    gcTime: 0,
  })
}
