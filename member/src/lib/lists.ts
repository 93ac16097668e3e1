/** A list that grows when its end is reached. */

import { onReachBottom } from '@dcloudio/uni-app'
import { computed, ref, type Ref } from 'vue'

import type { Page } from '@/api/types'
import { told } from '@/session'

export function useList<T>(fetchPage: (cursor?: string) => Promise<Page<T>>) {
  const items = ref([]) as Ref<T[]>
  const next = ref<string | null>(null)
  const busy = ref(false)

  async function load(): Promise<void> {
    const page = await fetchPage()
    items.value = page.items
    next.value = page.next_cursor
  }

  async function more(): Promise<void> {
    if (busy.value || next.value === null) return
    busy.value = true
    try {
      const page = await fetchPage(next.value)
      items.value = [...items.value, ...page.items]
      next.value = page.next_cursor
    } catch (error) {
      uni.showToast({ title: told(error), icon: 'none' })
    } finally {
      busy.value = false
    }
  }

  onReachBottom(() => void more())
  return { items, busy, load, more, hasMore: computed(() => next.value !== null) }
}
