import { useQuery } from '@tanstack/vue-query'
import { computed } from 'vue'
import { api, read } from '@/api/client'
import { may } from '@/api/session'
import { word } from '@/i18n'

const USUAL = ['normal', 'silver', 'gold', 'black'].map((code) => ({ code, name: '' }))

/** The merchant's levels, lowest first. Who may not see the rules gets the usual ones. */
export function useLevels() {
  const rules = useQuery({
    queryKey: ['rules'],
    queryFn: () => read(api.GET('/api/console/loyalty/rules')),
    enabled: computed(() => may('loyalty.view')),
    staleTime: 60_000,
  })
  const levels = computed(() => rules.data.value?.levels ?? USUAL)
  const nameOf = (code: string): string => levels.value.find((one) => one.code === code)?.name || word('common.level', code)
  return { levels, nameOf }
}
