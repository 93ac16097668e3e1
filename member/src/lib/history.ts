/** The records page of one unit: newest first, with the record that a message told of marked and brought into view. */

import { onLoad, onReachBottom } from '@dcloudio/uni-app'
import { computed, nextTick, ref } from 'vue'

import { fetchTransfers } from '@/api/member'
import type { Transfer } from '@/api/types'
import { told } from '@/session'
import { readUntil } from './records'

export function useHistory(unit: 'points' | 'balance') {
  const items = ref<Transfer[]>([])
  const next = ref<string | null>(null)
  const busy = ref(false)
  const wanted = ref('')
  let shown = false

  onLoad((query) => {
    wanted.value = (query?.id as string | undefined) ?? ''
  })
  onReachBottom(() => void more())

  async function load(): Promise<void> {
    const found = await readUntil((cursor) => fetchTransfers(unit, cursor), shown ? '' : wanted.value)
    items.value = found.items
    next.value = found.next_cursor
    if (!wanted.value || shown) return
    shown = true
    void nextTick(() => setTimeout(() => uni.pageScrollTo({ selector: '#told', offsetTop: -80, duration: 0, fail: () => undefined }), 50))
  }

  async function more(): Promise<void> {
    if (busy.value || next.value === null) return
    busy.value = true
    try {
      const page = await fetchTransfers(unit, next.value)
      items.value = [...items.value, ...page.items]
      next.value = page.next_cursor
    } catch (error) {
      uni.showToast({ title: told(error), icon: 'none' })
    } finally {
      busy.value = false
    }
  }

  return { items, wanted, busy, more, load, hasMore: computed(() => next.value !== null) }
}
