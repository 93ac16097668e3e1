import { Connection } from '@element-plus/icons-vue'
import type { Area } from '@/areas'

export default {
  routes: [
    {
      path: 'connections',
      name: 'connections',
      component: () => import('./ConnectionListPage.vue'),
      meta: { title: 'connections.list.title', may: 'connections.view' },
    },
    {
      path: 'connections/new/:kind(oa|mini)',
      name: 'connect',
      component: () => import('./ConnectPage.vue'),
      props: true,
      meta: { title: 'connections.wizard.title', may: 'connections.manage', under: 'connections' },
    },
    {
      path: 'connections/:id',
      name: 'connection',
      component: () => import('./ConnectionPage.vue'),
      props: true,
      meta: { title: 'connections.detail.title', may: 'connections.view', under: 'connections' },
    },
  ],
  menu: [{ group: 'settings', order: 1, route: 'connections', label: 'connections.list.title', icon: Connection }],
} satisfies Area
