import { keepPreviousData, useQuery } from '@tanstack/vue-query'
import { computed, reactive, ref, toValue, watch, type MaybeRefOrGetter } from 'vue'

export interface Listing<T> {
  items: T[]
  next_cursor?: string | null
}

export interface PageWanted {
  limit: number
  cursor?: string
}

const KEPT_AS = 'huida.rows'
export const SIZES = [20, 50] as const

/** A list read page by page with cursors; the ones before are kept, so that one can go back. */
export function usePaged<T>(
  key: MaybeRefOrGetter<unknown[]>,
  fetch: (page: PageWanted) => Promise<Listing<T>>,
  options: { enabled?: MaybeRefOrGetter<boolean>; every?: number } = {},
) {
  const limit = ref(Number(localStorage.getItem(KEPT_AS)) === 50 ? 50 : 20)
  const cursors = ref<(string | undefined)[]>([undefined])
  const cursor = computed(() => cursors.value.at(-1))
  const wanted = computed(() => JSON.stringify(toValue(key)))

  watch([wanted, limit], () => {
    cursors.value = [undefined]
  })
  watch(limit, (now) => localStorage.setItem(KEPT_AS, String(now)))

  const query = useQuery({
    queryKey: computed(() => [...toValue(key), limit.value, cursor.value]),
    queryFn: () => fetch({ limit: limit.value, ...(cursor.value ? { cursor: cursor.value } : {}) }),
    placeholderData: keepPreviousData,
    enabled: computed(() => toValue(options.enabled) ?? true),
    refetchInterval: options.every ?? false,
  })

  return reactive({
    items: computed(() => (query.data.value?.items ?? []) as T[]),
    loading: query.isPending,
    changing: computed(() => query.isPlaceholderData.value && query.isFetching.value),
    error: query.error,
    number: computed(() => cursors.value.length),
    hasPrevious: computed(() => cursors.value.length > 1),
    hasNext: computed(() => Boolean(query.data.value?.next_cursor)),
    limit,
    next() {
      const after = query.data.value?.next_cursor
      if (after) cursors.value = [...cursors.value, after]
    },
    previous() {
      cursors.value = cursors.value.slice(0, -1)
    },
    refresh: () => query.refetch(),
  })
}

export type Pager<T = unknown> = ReturnType<typeof usePaged<T>>
