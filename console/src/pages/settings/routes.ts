import { Document, Key, Setting, Shop, UserFilled } from '@element-plus/icons-vue'
import type { Area } from '@/areas'

export default {
  routes: [
    {
      path: 'stores',
      name: 'stores',
      component: () => import('./StoreListPage.vue'),
      meta: { title: 'stores.title', may: 'stores.view' },
    },
    {
      path: 'staff',
      name: 'staff',
      component: () => import('./StaffListPage.vue'),
      meta: { title: 'staff.title', may: 'staff.manage' },
    },
    {
      path: 'keys',
      name: 'keys',
      component: () => import('./KeyListPage.vue'),
      meta: { title: 'keys.title', may: 'keys.manage' },
    },
    {
      path: 'audit',
      name: 'audit',
      component: () => import('./AuditPage.vue'),
      meta: { title: 'audit.title', may: 'audit.view' },
    },
    {
      path: 'settings',
      name: 'settings',
      component: () => import('./SettingsPage.vue'),
      meta: { title: 'settings.title' },
    },
  ],
  menu: [
    { group: 'settings', order: 2, route: 'stores', label: 'stores.title', icon: Shop },
    { group: 'settings', order: 3, route: 'staff', label: 'staff.title', icon: UserFilled },
    { group: 'settings', order: 4, route: 'keys', label: 'keys.title', icon: Key },
    { group: 'settings', order: 5, route: 'audit', label: 'audit.title', icon: Document },
    { group: 'settings', order: 6, route: 'settings', label: 'settings.title', icon: Setting },
  ],
} satisfies Area

