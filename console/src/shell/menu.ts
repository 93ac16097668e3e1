import { computed } from 'vue'
import { useRouter } from 'vue-router'
import { areas, GROUPS, type Group, type MenuEntry } from '@/areas'
import { may, me } from '@/api/session'

export interface MenuGroup {
  code: Group
  entries: MenuEntry[]
}

/** The menu that this person sees: pages of their kind that their role may open. */
export function useMenu() {
  const router = useRouter()
  return computed<MenuGroup[]>(() => {
    const visible = areas
      .flatMap((area) => area.menu)
      .filter((entry) => {
        const { meta } = router.resolve({ name: entry.route })
        const wants = meta.for ?? 'staff'
        return (wants === 'both' || wants === me.value?.kind) && may(meta.may)
      })
    return GROUPS.map((code) => ({
      code,
      entries: visible.filter((entry) => entry.group === code).sort((a, b) => a.order - b.order),
    })).filter((group) => group.entries.length > 0)
  })
}
