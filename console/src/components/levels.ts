import { useQuery } from '@tanstack/vue-query'
import { computed } from 'vue'
import { api, read } from '@/api/client'

/** The merchant's levels as it calls them, lowest first: for everybody who sees members. Empty until they are known. */
export function useLevels() {
  const query = useQuery({
    queryKey: ['levels'],
    queryFn: () => read(api.GET('/api/console/members/levels')),
    staleTime: 60_000,
  })
  return computed(() => query.data.value?.items ?? [])
}
