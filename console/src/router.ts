import { createRouter, createWebHistory, type RouteLocationNormalized } from 'vue-router'
import { watch } from 'vue'
import { known, may, me } from '@/api/session'
import { areas } from '@/areas'
import { locale, t } from '@/i18n'
import AppShell from '@/shell/AppShell.vue'

export const router = createRouter({
  history: createWebHistory('/console/'),
  scrollBehavior: (_to, _from, kept) => kept ?? { top: 0 },
  routes: [
    {
      path: '/login',
      name: 'login',
      component: () => import('@/pages/LoginPage.vue'),
      meta: { title: 'login.title', public: true },
    },
    {
      path: '/',
      component: AppShell,
      children: [
        ...areas.flatMap((area) => area.routes),
        {
          path: ':rest(.*)*',
          name: 'lost',
          component: () => import('@/pages/LostPage.vue'),
          meta: { title: 'common.lost.title', for: 'both' },
        },
      ],
    },
  ],
})

router.beforeEach(async (to) => {
  if (to.meta.public) return true
  const person = await known()
  if (!person) return { name: 'login', query: to.fullPath === '/' ? {} : { from: to.fullPath } }
  if (to.path === '/') return { name: person.kind === 'operator' ? 'merchants' : may('overview.view') ? 'overview' : 'members' }
  if (to.name !== 'denied' && !admitted(to)) return { name: 'denied', replace: true }
  return true
})

/** Whether the page is for this person; what it shows is guarded by the server. */
export function admitted(to: Pick<RouteLocationNormalized, 'meta'>): boolean {
  const wants = to.meta.for ?? 'staff'
  return (wants === 'both' || wants === me.value?.kind) && may(to.meta.may)
}

function entitle(): void {
  const title = router.currentRoute.value.meta.title
  document.title = title ? `${t(title)} · ${t('common.product')}` : t('common.product')
}

router.afterEach(entitle)
watch(locale, entitle)

// A page of an older build is gone after an update: load the new one, once.
const RELOADED = 'huida.reloaded'
router.onError((error, to) => {
  if (!/import|module|chunk/i.test(String(error)) || sessionStorage.getItem(RELOADED) === to.fullPath) return
  sessionStorage.setItem(RELOADED, to.fullPath)
  location.assign(router.resolve(to.fullPath).href)
})

/** The login page, and back to where one was. */
export function toLogin(): void {
  const here = router.currentRoute.value
  if (here.name === 'login') return
  void router.push({ name: 'login', query: { from: here.fullPath, ended: '1' } })
}
