import { keepPreviousData, useQuery } from '@tanstack/vue-query'
import { computed, onBeforeUnmount, reactive, shallowRef, watch, type Ref } from 'vue'
import { api, read } from '@/api/client'
import type { PickedMember } from '@/components/MemberPicker.vue'
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

const STILL_MS = 300

/** A value that follows another once that has stood still for a while, or at once when the change is a `leap`. */
function useStill<T>(source: () => T, leap: (now: T, before: T) => boolean): Ref<T> {
  const value = shallowRef(source()) as Ref<T>
  let timer: ReturnType<typeof setTimeout> | undefined
  watch(source, (now) => {
    clearTimeout(timer)
    const follow = (): void => {
      value.value = now
    }
    if (leap(now, value.value)) follow()
    else timer = setTimeout(follow, STILL_MS)
  })
  onBeforeUnmount(() => clearTimeout(timer))
  return value
}

/** What the server says about a draft: troubles, suggestion, preview with samples or with a member's own values. */
export function useCheck(code: () => string, channel: () => Channel, draft: () => Draft, member: () => PickedMember | null) {
  const asked = useStill(
    () => ({ channel: channel(), draft: copy(draft()) }),
    (now, before) => now.channel !== before.channel || now.draft.template_id !== before.draft.template_id,
  )
  return useQuery({
    queryKey: computed(() => ['check', code(), asked.value, member()?.id ?? '']),
    queryFn: () =>
      read(
        api.POST('/api/console/messaging/scenarios/{scenario}/channels/{channel}/check', {
          params: { path: { scenario: code(), channel: asked.value.channel } },
          body: { ...asked.value.draft, member_id: member()?.id ?? null },
        }),
      ),
    enabled: computed(() => asked.value.channel === 'sms' || asked.value.draft.template_id !== ''),
    placeholderData: keepPreviousData,
    staleTime: 0,
    gcTime: 0,
  })
}
