import { DataLine, Finished } from '@element-plus/icons-vue'
import type { Area } from '@/areas'

export default {
  routes: [
    {
      path: 'overview',
      name: 'overview',
      component: () => import('./OverviewPage.vue'),
      meta: { title: 'home.overview.title', may: 'overview.view' },
    },
    {
      path: 'checklist',
      name: 'checklist',
      component: () => import('./ChecklistPage.vue'),
      meta: { title: 'home.checklist.title', may: 'overview.view' },
    },
    {
      path: 'help',
      name: 'help',
      component: () => import('./HelpPage.vue'),
      meta: { title: 'help.title', for: 'both' },
    },
    {
      path: 'account',
      name: 'account',
      component: () => import('./AccountPage.vue'),
      meta: { title: 'account.title', for: 'both' },
    },
    {
      path: 'denied',
      name: 'denied',
      component: () => import('../LostPage.vue'),
      props: { kind: 'denied' },
      meta: { title: 'common.denied.title', for: 'both' },
    },
  ],
  menu: [
    { group: 'home', order: 1, route: 'overview', label: 'home.overview.title', icon: DataLine },
    { group: 'home', order: 2, route: 'checklist', label: 'home.checklist.title', icon: Finished },
  ],
} satisfies Area
