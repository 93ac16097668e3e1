import { reactive, watch } from 'vue'
import { useRoute, useRouter, type LocationQuery } from 'vue-router'

/** Filters of a list, kept in the address: they survive a reload, a link and the back button. */
export function useFilters<K extends string>(defaults: Record<K, string>) {
  const route = useRoute()
  const router = useRouter()
  const names = Object.keys(defaults) as K[]
  const values = reactive(taken(route.query)) as Record<K, string>
  const page = route.name

  function taken(query: LocationQuery): Record<K, string> {
    return Object.fromEntries(names.map((name) => [name, String(query[name] ?? defaults[name])])) as Record<K, string>
  }

  watch(values, () => {
    const query: LocationQuery = { ...route.query }
    for (const name of names) {
      if (values[name] && values[name] !== defaults[name]) query[name] = values[name]
      else delete query[name]
    }
    if (route.name === page) void router.replace({ query, hash: route.hash })
  })
  watch(
    () => route.query,
    (query) => {
      if (route.name === page) Object.assign(values, taken(query))
    },
  )

  const reset = (): void => {
    Object.assign(values, defaults)
  }
  const active = (): boolean => names.some((name) => values[name] !== defaults[name])
  /** What is set, for a call: empty values are left out. */
  const set = (): Partial<Record<K, string>> =>
    Object.fromEntries(names.filter((name) => values[name]).map((name) => [name, values[name]])) as Partial<Record<K, string>>

  return { values, reset, active, set }
}
