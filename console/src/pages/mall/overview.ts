import { useQuery } from '@tanstack/vue-query'
import { api, read } from '@/api/client'

/** Whether the mall is bought and can receive money, and what waits for the shop. */
export function useMall() {
  return useQuery({ queryKey: ['mall'], queryFn: () => read(api.GET('/api/console/mall')) })
}
