import { useQuery } from '@tanstack/vue-query'
import { computed } from 'vue'
import { api, read } from '@/api/client'
import { may } from '@/api/session'

/** The connected accounts; who may not see connections is told nothing about them. */
export function useApps() {
  const query = useQuery({
    queryKey: ['connections'],
    queryFn: () => read(api.GET('/api/console/connections')),
    enabled: computed(() => may('connections.view')),
  })
  const connected = computed(() => query.data.value?.items.filter((one) => one.state === 'connected') ?? [])
  return {
    query,
    known: computed(() => query.data.value !== undefined),
    minis: computed(() => connected.value.filter((one) => one.kind === 'mini')),
    accounts: computed(() => connected.value.filter((one) => one.kind === 'oa')),
  }
}
